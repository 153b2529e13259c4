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
const NOTHING = new Uint8Array(0);
const FALSE = Uint8Array.of(0);
const TRUE = Uint8Array.of(1);
const encoder = new TextEncoder();
/** Texts up to this length are looked through for ASCII, which is cheaper than to call an encoder. */
const SHORT = 128;
/** Where a list is spelled before it is copied; one at a time, since nothing is waited for. */
let scratch = new Uint8Array(4_096);

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
  let at = write(0, TYPE.domain, domain);
  for (const field of fields) at = write(at, typeOf(field), contentOf(field));
  const spelled = scratch.slice(0, at);
  // Keys are spelled here, too.
  scratch.fill(0, 0, at);
  return spelled;
}

/** Writes a field at `at` and says where the next one begins. */
function write(at: number, type: number, content: string | Uint8Array): number {
  const start = at + HEADER_BYTES;
  // No character needs more than three bytes for each of its code units.
  reserve(start + content.length * (typeof content === "string" ? 3 : 1));
  const length = typeof content === "string" ? writeText(start, content) : content.length;
  if (typeof content !== "string") scratch.set(content, start);
  scratch[at] = type;
  scratch[at + 1] = length >>> 24;
  scratch[at + 2] = length >>> 16;
  scratch[at + 3] = length >>> 8;
  scratch[at + 4] = length;
  return start + length;
}

/** Returns how many bytes were written. */
function writeText(start: number, text: string): number {
  if (text.length <= SHORT) {
    let i = 0;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) break;
      scratch[start + i] = code;
    }
    if (i === text.length) return i;
  }
  // TextEncoder would turn every lone surrogate into U+FFFD, and two texts into the same bytes.
  if (!text.isWellFormed()) throw new AppError("INVALID_INPUT", "Text must be well-formed Unicode");
  return encoder.encodeInto(text, scratch.subarray(start)).written;
}

function reserve(size: number): void {
  if (size <= scratch.length) return;
  const grown = new Uint8Array(size * 2);
  grown.set(scratch);
  scratch = grown;
}

function typeOf(field: Field): number {
  if (field === null) return TYPE.null;
  if (field instanceof Uint8Array) return TYPE.bytes;
  if (field instanceof Date) return TYPE.date;
  const type = typeof field;
  // undefined above all: a forgotten column must not be read as "no value".
  if (type in TYPE && type !== "object") return TYPE[type as keyof typeof TYPE];
  throw new TypeError(`Canonical field must not be of type ${type}`);
}

function contentOf(field: Field): string | Uint8Array {
  if (field === null) return NOTHING;
  if (field instanceof Uint8Array) return field;
  if (field instanceof Date) return integer(field.getTime());
  switch (typeof field) {
    case "number":
      return integer(field);
    case "boolean":
      return field ? TRUE : FALSE;
    default:
      return field.toString();
  }
}

function integer(value: number): string {
  if (Number.isSafeInteger(value)) return value.toString();
  throw new TypeError("Canonical number or date must be a safe integer");
}
