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
 * The base64 and base64url texts that betray a value, alone or among other bytes.
 *
 * One character at either end of an occurrence may also hold bits of a neighbour. It is not part
 * of these texts, and shows at most 4 bits of the value.
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
  const forms = [0, 1, 2].flatMap((offset) => formsAt(bytes, offset));
  return new Set([...forms, ...forms.map(urlSafe)]);
}

/** The value's looks when `offset` other bytes of its first group of three precede it. */
function formsAt(bytes: Uint8Array, offset: number): string[] {
  const shifted = new Uint8Array(offset + bytes.length);
  shifted.set(bytes, offset);
  const text = shifted.toBase64().slice(Math.ceil((8 * offset) / SEXTET));
  const excess = shifted.length % 3;
  if (excess === 0) return [text];
  // What follows the value mixes into its last character, unless the text ends there.
  const padding = 3 - excess;
  const last = text.slice(-TAIL);
  return [text.slice(0, -padding - 1), last, last.slice(0, -padding)];
}

function urlSafe(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_");
}
