/**
 * What must be true of a stored key ring before any of it is used.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { PURPOSES, type WrappedKey } from "./wrap.ts";

const STATUSES: readonly string[] = ["primary", "enabled", "disabled"];
const KEY_ID = /^[0-9a-f]{16}$/;

/**
 * Checks the rules that every stored key ring keeps:
 *
 * 1. ids of keys and of root keys are 16 lower-case hex digits;
 * 2. purposes and statuses are known ones;
 * 3. no id comes twice;
 * 4. each purpose has exactly one primary key.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the first rule that is broken.
 */
export function checkInvariants(stored: readonly WrappedKey[]): void {
  for (const { id, rootId, purpose, status } of stored) {
    if (!KEY_ID.test(id)) throw violation("Key ring has a malformed key id");
    if (!KEY_ID.test(rootId)) throw violation(`Key ${id} has a malformed root key id`);
    if (!PURPOSES.includes(purpose)) throw violation(`Key ${id} has an unknown purpose`);
    if (!STATUSES.includes(status)) throw violation(`Key ${id} has an unknown status`);
  }
  if (new Set(stored.map((key) => key.id)).size < stored.length) {
    throw violation("Key ring has a key id twice");
  }
  for (const purpose of PURPOSES) {
    const found = stored.filter((key) => key.purpose === purpose && key.status === "primary");
    if (found.length !== 1) {
      throw violation(`Key ring has ${found.length} primary keys for ${purpose}, must have 1`);
    }
  }
}

/** The error for a ring that is not as this product writes it. */
export function violation(message: string): AppError {
  return new AppError("INTEGRITY_VIOLATION", message);
}
