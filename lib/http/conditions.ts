/**
 * Conditions of a write, from its headers.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { IfMatch, WriteOptions } from "../vault/vault.ts";
import type { AppContext } from "./env.ts";

const STRONG_TAG = /^"?([1-9]\d{0,9})"?$/;
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads `If-Match` and `Idempotency-Key`.
 *
 * @throws {AppError} INVALID_INPUT when the idempotency key breaks the rule.
 */
export function conditionsOf(c: AppContext): WriteOptions {
  const ifMatch = c.req.header("if-match");
  const key = c.req.header("idempotency-key");
  if (key !== undefined && !KEY.test(key)) {
    throw new AppError(
      "INVALID_INPUT",
      "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces",
    );
  }
  return {
    ...(ifMatch !== undefined && { ifMatch: parseIfMatch(ifMatch) }),
    ...(key !== undefined && { idempotencyKey: key }),
  };
}

/**
 * Reads the versions of an `If-Match` header (RFC 9110 §13.1.1). A tag that is no version, or a
 * weak one, matches nothing, so a header of such tags alone fails every write.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseIfMatch } from "./conditions.ts";
 *
 * assertEquals(parseIfMatch('"3", W/"4", "x"'), [3]);
 * assertEquals(parseIfMatch("*"), "*");
 * ```
 */
export function parseIfMatch(header: string): IfMatch {
  if (header.trim() === "*") return "*";
  const versions = header.split(",").map((tag) => STRONG_TAG.exec(tag.trim())?.[1]);
  return versions.filter((version) => version !== undefined).map(Number);
}

/** The entity tag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}
