/**
 * The assertions of the official `@std/assert`, as republished on npm, with types.
 *
 * Where JSR can be reached, `"@std/assert": "jsr:@std/assert@1"` in `deno.json` replaces this file.
 *
 * @module
 */

// @ts-types="./assert.d.ts"
export {
  assert,
  assertEquals,
  assertExists,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "deno-std/assert/mod.js";
