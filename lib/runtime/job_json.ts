/**
 * Masks what a job returned.
 *
 * @module
 */
import type { Masker } from "./mask/masker.ts";

/**
 * Writes a JSON value with every injected value in it masked: in texts, in names of fields, and in
 * numbers, whose digits may be a value too. What comes out is JSON again, which masking its text as
 * a whole would not promise.
 */
export function maskJson(value: unknown, masker: Masker): string {
  return JSON.stringify(mask(value, masker));
}

/** The longest text of an error or a progress message that is kept, characters. */
const MOST_TEXT = 4_000;

/** Masks a text, and only then cuts it: half a value would not be known. */
export function maskShort(text: string, masker: Masker): string {
  // PostgreSQL's text holds no NUL and no half characters.
  return masker.text(text).slice(0, MOST_TEXT).replaceAll("\0", "␀").toWellFormed();
}

function mask(value: unknown, masker: Masker): unknown {
  if (typeof value === "string") return masker.text(value);
  if (typeof value === "number") {
    const text = String(value);
    const masked = masker.text(text);
    return masked === text ? value : masked;
  }
  if (Array.isArray(value)) return value.map((item) => mask(item, masker));
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value);
  return Object.fromEntries(fields.map(([name, item]) => [masker.text(name), mask(item, masker)]));
}
