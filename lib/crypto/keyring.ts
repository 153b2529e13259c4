/**
 * The stored key ring: every key that seals or authenticates stored data, opened by a root key.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { checkInvariants, violation } from "./invariants.ts";
import { type KeyRing, newRingKey, type RingKey, ringOf } from "./ring.ts";
import type { RootKey } from "./root_key.ts";
import { PURPOSES, unwrapKey, wrapKey, type WrappedKey } from "./wrap.ts";

export type { KeyPurpose, KeyStatus, WrappedKey } from "./wrap.ts";
export type { KeyRing, MacPurpose, SealOptions } from "./ring.ts";

/** Makes a new ring, one primary key for each purpose, wrapped under `root`. */
export function generateWrappedKeys(root: RootKey, now: Date): WrappedKey[] {
  return PURPOSES.map((purpose) => {
    const key = newRingKey(purpose, now);
    return wrapKey(root, key, key.bytes);
  });
}

/**
 * Opens a stored ring.
 *
 * The rows must keep the rules of {@linkcode checkInvariants}, and each must open under the root
 * key that it names.
 *
 * @param roots The root keys held; which one a stored key needs is looked up by id, never tried out.
 * @throws {AppError} KEY_RING_LOCKED when a root key is missing; the message names the ids wanted
 * and held.
 * @throws {AppError} INTEGRITY_VIOLATION when an invariant is broken.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generateWrappedKeys, openKeyRing } from "./keyring.ts";
 * import { Plaintext } from "./plaintext.ts";
 * import { generateRootKey, parseRootKeys } from "./root_key.ts";
 *
 * const roots = parseRootKeys(generateRootKey().text);
 * const ring = openKeyRing(roots, generateWrappedKeys(roots[0]!, new Date()));
 * const where = new TextEncoder().encode("global API_KEY version 1");
 * const envelope = ring.seal(Plaintext.fromText("hunter2"), where);
 * assertEquals(ring.open(envelope, where).reveal(), "hunter2");
 * ```
 */
export function openKeyRing(roots: readonly RootKey[], stored: readonly WrappedKey[]): KeyRing {
  checkInvariants(stored);
  const held = new Map(roots.map((root) => [root.id, root]));
  const wanted = new Set(stored.map((key) => key.rootId));
  if ([...wanted].some((id) => !held.has(id))) throw ringLocked(wanted, held.keys());
  return ringOf(stored.map((key) => ringKey(key, unwrapKey(held.get(key.rootId)!, key))));
}

/**
 * Joins a stored key with what unwrapping it gave.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when that was nothing.
 */
export function ringKey(stored: WrappedKey, bytes: Uint8Array | null): RingKey {
  if (bytes === null) throw violation(`Key ${stored.id} of the key ring is not as it was written`);
  const { id, purpose, status, createdAt } = stored;
  return { id, purpose, status, createdAt, bytes };
}

/** The error for a ring that none of the root keys held opens. */
export function ringLocked(wanted: Iterable<string>, held: Iterable<string>): AppError {
  const list = (ids: Iterable<string>) => [...ids].sort().join(", ") || "none";
  return new AppError(
    "KEY_RING_LOCKED",
    `Key ring is sealed under root keys ${list(wanted)}; held: ${list(held)}`,
  );
}
