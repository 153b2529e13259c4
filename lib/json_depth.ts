/**
 * How deep JSON nests, told before it is parsed.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/**
 * Tells whether arrays and objects in `json` nest deeper than `limit`. Whatever the bytes are, it
 * looks at each one once; in what is no JSON the answer means nothing, and the parser refuses it.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nestsDeeper } from "./json_depth.ts";
 *
 * const bytes = new TextEncoder().encode('[["[[["]]');
 * assertEquals([nestsDeeper(bytes, 1), nestsDeeper(bytes, 2)], [true, false]);
 * ```
 */
export function nestsDeeper(json: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]!;
    if (byte === QUOTE) inText = !inText;
    else if (inText) i += byte === BACKSLASH ? 1 : 0;
    else if (OPEN.has(byte) && ++depth > limit) return true;
    else if (CLOSE.has(byte)) depth--;
  }
  return false;
}
