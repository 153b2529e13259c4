/**
 * Globs of grants: `*` stands for any run of characters, everything else for itself.
 *
 * @module
 */

/** Compiled patterns; grants repeat the same few. */
const compiled = new Map<string, RegExp>();
const MAX_COMPILED = 1_000;

/**
 * Tells whether `glob` matches all of `text`.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { matchesGlob } from "./glob.ts";
 *
 * assertEquals(matchesGlob("prod*", "prod-eu"), true);
 * assertEquals(matchesGlob("prod*", "my-prod"), false);
 * ```
 */
export function matchesGlob(glob: string, text: string): boolean {
  if (glob === "*" || glob === text) return true;
  if (!glob.includes("*")) return false;
  return compile(glob).test(text);
}

/**
 * Tells whether everything that `narrow` matches is matched by `wide`, too.
 *
 * A `*` of `narrow` is taken as a character that only a `*` of `wide` matches. That never says yes
 * wrongly: each text that `narrow` matches is one in which such a character was replaced.
 */
export function coversGlob(wide: string, narrow: string): boolean {
  return matchesGlob(wide, narrow);
}

/** The pattern of {@linkcode globPattern} that matches everything. */
export const MATCHES_ALL = "^(?:.*)$";

/**
 * The source of a regular expression, for PostgreSQL as for JavaScript, that matches what one of
 * `globs` matches.
 */
export function globPattern(globs: readonly string[]): string {
  return globs.includes("*") ? MATCHES_ALL : `^(?:${globs.map(globSource).join("|")})$`;
}

/** Texts from one to another, both among them, in the order of code points. */
export interface TextRange {
  readonly from: string;
  readonly to: string;
}

/** Behind every character that a name of ours can have. */
const LAST = "\x7f";

/**
 * Where in an ordered list of names those lie that one of `globs` matches: between them there may
 * be others, but none lies outside.
 *
 * @returns Ranges in order that have no name in common.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { globRanges } from "./glob.ts";
 *
 * assertEquals(globRanges(["staging", "prod*", "prod-eu"]), [
 *   { from: "prod", to: "prod\x7f" },
 *   { from: "staging", to: "staging" },
 * ]);
 * ```
 */
export function globRanges(globs: readonly string[]): TextRange[] {
  return joinRanges(globs.map((glob) => {
    const [beginning = ""] = glob.split("*", 1);
    return { from: beginning, to: beginning === glob ? glob : beginning + LAST };
  }));
}

/** The same ranges in order, those that overlap made one. */
export function joinRanges(ranges: readonly TextRange[]): TextRange[] {
  const joined: TextRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from < b.from ? -1 : 1)) {
    const last = joined.at(-1);
    if (last === undefined || range.from > last.to) joined.push(range);
    else if (range.to > last.to) joined[joined.length - 1] = { from: last.from, to: range.to };
  }
  return joined;
}

function globSource(glob: string): string {
  const literal = (part: string) => part.replace(/[^A-Za-z0-9_]/g, "\\$&");
  return glob.split(/\*+/).map(literal).join(".*");
}

function compile(glob: string): RegExp {
  let pattern = compiled.get(glob);
  if (pattern === undefined) {
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    pattern = new RegExp(globPattern([glob]));
    compiled.set(glob, pattern);
  }
  return pattern;
}
