/**
 * HKDF-SHA256 (RFC 5869): one key in, independent keys out.
 *
 * @module
 */
import { hkdfSync } from "node:crypto";

/**
 * Derives `length` bytes from `key`.
 *
 * @param key Input keying material: random bytes, never a password.
 * @param salt Random and public, or empty.
 * @param info What the derived key is for; different texts give independent keys (RFC 5869 §3.2).
 * @param length How many bytes to derive.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hkdf } from "./hkdf.ts";
 *
 * const key = crypto.getRandomValues(new Uint8Array(32));
 * assertEquals(hkdf(key, new Uint8Array(0), "example", 32).length, 32);
 * ```
 */
export function hkdf(
  key: Uint8Array,
  salt: Uint8Array,
  info: string,
  length: number,
): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, salt, info, length));
}
