/**
 * Digests that identify sources and bundles.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * The SHA-256 of bytes, or of text in UTF-8, as 64 hex digits (FIPS 180-4).
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { digestOf } from "./digest.ts";
 *
 * assertEquals(digestOf("").slice(0, 8), "e3b0c442");
 * ```
 */
export function digestOf(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
