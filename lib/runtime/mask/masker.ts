/**
 * Masks secret values wherever a run's output goes: logs, error texts, headers, stored results.
 *
 * It is a net, not a wall. It catches values that slip into output by accident, in the forms that
 * libraries give them. Code that means to print a value can always transform it in a way no list
 * of forms foresees, and values of fewer than {@linkcode MIN_MASKED_LENGTH} characters pass.
 *
 * @module
 */
import { patternsOf } from "./forms.ts";
import { maskBytes, MaskStream, maskText, occursIn, type Patterns } from "./mask_stream.ts";
import { Matcher } from "./matcher.ts";

export { isMaskable, MIN_MASKED_LENGTH } from "./parts.ts";
export { MASK, MaskStream } from "./mask_stream.ts";

/** Masks a set of values. That of {@linkcode createMasker} is immutable: keep it and share it. */
export interface Masker extends Patterns {
  /** Masks a complete text; the same string when nothing is to be masked. */
  text(text: string): string;
  /** Masks complete bytes; the same array when nothing is to be masked. */
  bytes(bytes: Uint8Array): Uint8Array;
  /** Begins a stream. Mask it before it is split into lines or cut to a length. */
  stream(): MaskStream;
  /** Whether one of the values, or a part of one that would be masked, occurs. */
  contains(bytes: Uint8Array): boolean;
}

/**
 * Makes the masker of a set of values.
 *
 * @param values Plaintext values; those that can't be masked are passed over.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createMasker } from "./masker.ts";
 *
 * const masker = createMasker(["p4ss w0rd"]);
 * assertEquals(masker.text("GET /?key=p4ss%20w0rd failed"), "GET /?key=*** failed");
 * assertEquals(masker.text("all is well"), "all is well");
 * ```
 */
export function createMasker(values: Iterable<string>): Masker {
  const matcher = Matcher.compile([...new Set(values)].flatMap(patternsOf));
  return Object.freeze({
    matchers: matcher.matchers,
    text: (text: string) => maskText(matcher, text),
    bytes: (bytes: Uint8Array) => maskBytes(matcher, bytes),
    stream: () => new MaskStream(matcher),
    contains: (bytes: Uint8Array) => occursIn(matcher, bytes),
  });
}
