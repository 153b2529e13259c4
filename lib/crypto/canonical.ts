/**
 * One spelling of a list of fields as bytes, for associated data and for MACs.
 *
 * Two different lists never have the same bytes: each field carries its type and its length, so
 * neither `["ab", "c"]` and `["a", "bc"]`, nor `1` and `"1"`, nor `null` and `""` can be confused.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** What may stand in a canonical list. */
export type Field = string | number | bigint | boolean | Date | Uint8Array | null;

/** The type byte of each kind of field. Part of the stored format: never reuse a number. */
const TYPE = {
  domain: 0,
  null: 1,
  string: 2,
  number: 3,
  bigint: 4,
  boolean: 5,
  date: 6,
  bytes: 7,
} as const;

/** Type byte and length. */
const HEADER_BYTES = 5;
const encoder = new TextEncoder();

type Part = readonly [type: number, bytes: Uint8Array];

/**
 * Spells `domain` and `fields` as bytes: per field 1 type byte, the length as 4 bytes (big-endian)
 * and the content. Integers and dates (milliseconds since 1970) are written in decimal ASCII.
 *
 * @param domain What the bytes are for, such as `fluxbase/value/v1`; it keeps uses apart.
 * @throws {AppError} INVALID_INPUT when a text has a lone surrogate, which UTF-8 cannot carry.
 * @throws {TypeError} When a number is no safe integer, or a date is invalid.
 * @example Usage
 * ```ts
 * import { assertEquals, assertNotEquals } from "@std/assert";
 * import { canonical } from "./canonical.ts";
 *
 * assertEquals(canonical("d", [null]), Uint8Array.of(0, 0, 0, 0, 1, 0x64, 1, 0, 0, 0, 0));
 * assertNotEquals(canonical("d", ["ab", "c"]), canonical("d", ["a", "bc"]));
 * ```
 */
export function canonical(domain: string, fields: readonly Field[]): Uint8Array {
  const parts: Part[] = [[TYPE.domain, utf8(domain)], ...fields.map(partOf)];
  const total = parts.reduce((sum, [, bytes]) => sum + HEADER_BYTES + bytes.length, 0);
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [type, bytes] of parts) {
    out[at] = type;
    view.setUint32(at + 1, bytes.length);
    out.set(bytes, at + HEADER_BYTES);
    at += HEADER_BYTES + bytes.length;
  }
  return out;
}

function partOf(field: Field): Part {
  if (field === null) return [TYPE.null, new Uint8Array(0)];
  if (field instanceof Uint8Array) return [TYPE.bytes, field];
  if (field instanceof Date) return [TYPE.date, integer(field.getTime())];
  switch (typeof field) {
    case "string":
      return [TYPE.string, utf8(field)];
    case "number":
      return [TYPE.number, integer(field)];
    case "bigint":
      return [TYPE.bigint, utf8(field.toString())];
    case "boolean":
      return [TYPE.boolean, Uint8Array.of(field ? 1 : 0)];
    default:
      // undefined above all: a forgotten column must not be read as "no value".
      throw new TypeError(`Canonical field must not be of type ${typeof field}`);
  }
}

function integer(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) {
    throw new TypeError("Canonical number or date must be a safe integer");
  }
  return utf8(value.toString());
}

function utf8(text: string): Uint8Array {
  // TextEncoder would turn every lone surrogate into U+FFFD, and two texts into the same bytes.
  if (!text.isWellFormed()) throw new AppError("INVALID_INPUT", "Text must be well-formed Unicode");
  return encoder.encode(text);
}
