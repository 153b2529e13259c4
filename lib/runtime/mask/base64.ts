/**
 * How a value looks inside base64 text (RFC 4648 §4 and §5), wherever it begins in the encoded bytes.
 *
 * Three bytes make four characters, so a value has three looks: it begins at the first, second or
 * third byte of such a group. The characters at its edges also carry bits of its neighbours; only
 * those in between are the same in every context.
 *
 * @module
 */

/** Bits of one base64 character. */
const SEXTET = 6;

/** How many of a padded text's last characters are worth a pattern of their own. */
const TAIL = 64;

/**
 * The base64 and base64url texts that betray a value.
 *
 * At most one character at either end of an occurrence, which holds at most 4 bits of the value, is
 * not part of these texts.
 *
 * @param bytes The value in UTF-8.
 * @example Usage
 * ```ts
 * import { assert } from "@std/assert";
 * import { base64Forms } from "./base64.ts";
 *
 * const forms = base64Forms(new TextEncoder().encode("s3cret!"));
 * const header = btoa("user:s3cret!");
 * assert([...forms].some((form) => header.includes(form)));
 * ```
 */
export function base64Forms(bytes: Uint8Array): Set<string> {
  const forms = new Set<string>();
  for (const offset of [0, 1, 2]) {
    const inner = innerText(bytes, offset);
    forms.add(inner).add(urlSafe(inner));
  }
  for (const tail of endings(bytes)) forms.add(tail).add(urlSafe(tail));
  return forms;
}

/** The characters that depend on `bytes` alone when `offset` other bytes of the group precede. */
function innerText(bytes: Uint8Array, offset: number): string {
  const shifted = new Uint8Array(offset + bytes.length);
  shifted.set(bytes, offset);
  const first = Math.ceil((8 * offset) / SEXTET);
  const end = Math.floor((8 * shifted.length) / SEXTET);
  return shifted.toBase64().slice(first, end);
}

/** The ends of the value encoded on its own: its last character is known then, and the padding. */
function endings(bytes: Uint8Array): string[] {
  if (bytes.length % 3 === 0) return [];
  const padded = bytes.toBase64().slice(-TAIL);
  return [padded, padded.replace(/=+$/, "")];
}

function urlSafe(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_");
}
