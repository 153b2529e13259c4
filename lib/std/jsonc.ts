/**
 * The parser of the official `@std/jsonc`, as republished on npm, with types.
 *
 * Where JSR can be reached, `"@std/jsonc": "jsr:@std/jsonc@1"` in `deno.json` replaces this file.
 *
 * @module
 */

// @ts-types="./parse_jsonc.d.ts"
export { parse } from "deno-std/jsonc/parse.js";
