/**
 * From a secret value to the byte patterns that betray it in output.
 *
 * @module
 */
import { base64Forms } from "./base64.ts";
import { textForms } from "./encodings.ts";
import { MIN_MASKED_LENGTH, partsOf } from "./parts.ts";

/** Longest pattern, in bytes: what a stream may have to hold back. Longer forms become pieces. */
export const MAX_PATTERN_LENGTH = 64;

/**
 * The byte patterns of one value, of 6 to 64 bytes each; none when it can't be masked.
 *
 * Covered are the value without outer white space, its lines, its strings if it is a JSON object
 * and its password if it is a URL; each of them as it is, in URLs, JSON, inspected objects,
 * hexadecimal and base64. A form longer than 64 bytes is cut into pieces that touch, so that their
 * masks join.
 */
export function patternsOf(value: string): Uint8Array[] {
  const forms = new Set([...partsOf(value)].flatMap(formsOf));
  return [...forms].flatMap((form) => cut(new TextEncoder().encode(form)));
}

function formsOf(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  const hex = bytes.toHex();
  const forms = [...textForms(text), ...base64Forms(bytes), hex, hex.toUpperCase()];
  // A URL's query loses line ends, so that a form may be shorter than the value.
  return forms.filter((form) => form.length >= MIN_MASKED_LENGTH);
}

/** Cuts a long form into touching pieces of like size, none much below half of the longest. */
function cut(form: Uint8Array): Uint8Array[] {
  const count = Math.ceil(form.length / MAX_PATTERN_LENGTH);
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * form.length) / count);
    return form.subarray(from, Math.floor(((index + 1) * form.length) / count));
  });
}
