/**
 * The parts of the official `@std/crypto` that this project uses, as republished on npm, with types.
 *
 * Where JSR can be reached, `"@std/crypto": "jsr:@std/crypto@1"` in `deno.json` replaces this file.
 *
 * @module
 */

// @ts-types="./timing_safe_equal.d.ts"
export { timingSafeEqual } from "deno-std/crypto/timing_safe_equal.js";
