/**
 * The parts of the official `@std/cli` that this project uses, as republished on npm, with types.
 *
 * `promptSecret` is left out: its module doubled the start-up time of the command line, which has a
 * prompt of its own in `lib/cli/prompt.ts`.
 *
 * Where JSR can be reached, `"@std/cli": "jsr:@std/cli@1"` in `deno.json` replaces this file.
 *
 * @module
 */

// @ts-types="./parse_args.d.ts"
export { parseArgs } from "deno-std/cli/parse_args.js";
