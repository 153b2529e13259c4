/**
 * The parts of a value that are secret on their own: lines, strings inside JSON, a URL's password.
 *
 * @module
 */

/** Shorter values, in UTF-16 units without outer white space, can't be masked: they are words. */
export const MIN_MASKED_LENGTH = 6;

/** A line of a value is masked on its own from this length on; shorter ones may be common words. */
const MIN_LINE_LENGTH = 16;

/** A string inside a JSON value is masked on its own from this length on. */
const MIN_LEAF_LENGTH = 8;

const PEM = /-----BEGIN [^-]+-----/;
const PEM_ARMOR = /^-----(BEGIN|END) [^-]+-----$/;

/** Line ends, also as the two characters `\n` that people put into one-line settings. */
const LINE_ENDS = /(?:[\r\n]|\\[rn])+/;

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Whether a value can be masked at all. Say so to whoever sets one that can't.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isMaskable } from "./parts.ts";
 *
 * assertEquals([isMaskable("1234"), isMaskable("hunter2")], [false, true]);
 * ```
 */
export function isMaskable(value: string): boolean {
  return value.trim().length >= MIN_MASKED_LENGTH;
}

/**
 * The value without outer white space, and its parts; nothing when it can't be masked.
 *
 * @example Usage
 * ```ts
 * import { assert } from "@std/assert";
 * import { partsOf } from "./parts.ts";
 *
 * assert(partsOf("postgres://app:s3cret%21@db/app").has("s3cret!"));
 * ```
 */
export function partsOf(value: string): Set<string> {
  const parts = new Set<string>();
  if (!isMaskable(value)) return parts;
  for (const text of [value.trim(), ...leavesOf(value)]) {
    parts.add(text);
    for (const part of [...linesOf(text), ...passwordsOf(text)]) parts.add(part);
  }
  return parts;
}

/** Lines are printed, prefixed and shipped one by one, so each long one is masked by itself. */
function linesOf(text: string): string[] {
  // The lines of a key are no words, and its last one is often short.
  const least = PEM.test(text) ? MIN_MASKED_LENGTH : MIN_LINE_LENGTH;
  const lines = text.split(LINE_ENDS).map((line) => line.trim());
  return lines.filter((line) => line.length >= least && !PEM_ARMOR.test(line));
}

/** The password in a connection string, as it is written there and decoded. */
function passwordsOf(text: string): string[] {
  const password = SCHEME.test(text) ? URL.parse(text)?.password ?? "" : "";
  return [password, decoded(password)].filter(isMaskable);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The long strings anywhere inside a value that is a JSON object. */
function leavesOf(value: string): string[] {
  const leaves: string[] = [];
  const open: unknown[] = [parseObject(value)];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node === "string") leaves.push(node.trim());
    else if (typeof node === "object" && node !== null) {
      for (const child of Object.values(node)) open.push(child);
    }
  }
  return leaves.filter((leaf) => leaf.length >= MIN_LEAF_LENGTH);
}

function parseObject(value: string): unknown {
  if (!value.trimStart().startsWith("{")) return null;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
