/**
 * How values are written to the embedded database, and read where it differs from the port.
 *
 * @module
 */
import { arrayLiteral, parseInt8 } from "./postgres_types.ts";

/** Object id of `int8` in `pg_type`. */
const INT8 = 20;

/** Parsers for PGlite: it would give a bigint for what is beyond a safe number. */
export const TEXT_PARSERS = { [INT8]: parseInt8 };

/**
 * Writes any value of the port in PostgreSQL's text form.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeText } from "./embedded_types.ts";
 *
 * assertEquals(encodeText(new Date(0)), "1970-01-01T00:00:00.000Z");
 * assertEquals(encodeText(Uint8Array.of(255)), "\\xff");
 * ```
 */
export function encodeText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${value.toHex()}`;
  if (Array.isArray(value)) return arrayLiteral(value);
  return String(value);
}
