/**
 * The parts of the official `@std/cli` that this project uses, as republished on npm, with types.
 *
 * Where JSR can be reached, `"@std/cli": "jsr:@std/cli@1"` in `deno.json` replaces this file.
 *
 * @module
 */

// @ts-types="./parse_args.d.ts"
export { parseArgs } from "deno-std/cli/parse_args.js";
// @ts-types="./prompt_secret.d.ts"
export { promptSecret } from "deno-std/cli/prompt_secret.js";
