/**
 * How PostgreSQL's types are written and read, where the port's rules differ from postgres.js.
 *
 * @module
 */

/** Object ids of `pg_type`, the same in every server. */
const BYTEA = 17;
const INT8 = 20;
const JSON_TEXT = 114;
const JSONB = 3802;

const same = (value: unknown) => value;

/** Custom types for postgres.js. */
export const PARSERS = {
  json: { to: JSON_TEXT, from: [JSON_TEXT, JSONB], serialize: same, parse: parseJson },
  int8: { to: INT8, from: [INT8], serialize: String, parse: parseInt8 },
  bytea: { to: BYTEA, from: [BYTEA], serialize: writeBytes, parse: readBytes },
};

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

/** Reads an `int8`: a number, or its digits when a number cannot hold it. */
export function parseInt8(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

function writeBytes(bytes: Uint8Array): string {
  return `\\x${bytes.toHex()}`;
}

function readBytes(text: string): Uint8Array {
  return Uint8Array.fromHex(text.slice(2));
}

/**
 * Writes a list as an array literal (PostgreSQL manual, section 8.15.2).
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrayLiteral } from "./postgres_types.ts";
 *
 * assertEquals(arrayLiteral(["a", 'b"c']), '{"a","b\\"c"}');
 * ```
 */
export function arrayLiteral(items: readonly string[]): string {
  const quoted = items.map((item) => `"${item.replace(/["\\]/g, "\\$&")}"`);
  return `{${quoted.join(",")}}`;
}

/** Makes a value of the port one that postgres.js binds as it is. */
export function encodeValue(value: unknown): unknown {
  return Array.isArray(value) ? arrayLiteral(value) : value;
}

/** Writes a name so that it is taken letter by letter (PostgreSQL manual, section 4.1.1). */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
