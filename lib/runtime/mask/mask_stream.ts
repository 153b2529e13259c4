/**
 * Replaces secret values in bytes that arrive in chunks of any size.
 *
 * @module
 */
import type { Matcher } from "./matcher.ts";

/** What stands in the place of a masked value; it tells nothing about it, not even its length. */
export const MASK = "***";

const MASK_BYTES = new TextEncoder().encode(MASK);

/** {@linkcode MaskStream} has emitted an unmasked byte last, so that a new mask must be written. */
const OUTSIDE = -1;

/**
 * Masks one stream.
 *
 * Every byte that belongs to an occurrence of a pattern is masked, and each run of such bytes
 * becomes one {@linkcode MASK}, so values that overlap or touch leave no fragment. How the stream
 * is split into chunks makes no difference. Held back are only bytes that can be the beginning of a
 * pattern, at most the longest pattern's length minus one.
 */
export class MaskStream {
  readonly #matcher: Matcher;
  #held: Uint8Array = new Uint8Array();
  /** Up to which index of `#held` the bytes belong to a mask already written, or OUTSIDE. */
  #maskedTo = OUTSIDE;

  /**
   * Begins a stream.
   *
   * @param matcher The patterns; may be shared.
   */
  constructor(matcher: Matcher) {
    this.#matcher = matcher;
  }

  /** How many bytes are held back. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /**
   * Takes a chunk and returns what is ready, perhaps nothing.
   *
   * @param chunk Is not kept, but the result may be a view of it.
   */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#held.length === 0 ? chunk : concat([this.#held, chunk]);
    const until = this.#matcher.undecidedFrom(bytes);
    const ready = this.#mask(bytes, until);
    this.#held = bytes.slice(until);
    return ready;
  }

  /**
   * Returns what is held back: at the end of the stream, or when it has been silent for long.
   *
   * A value of which one part comes before and one after a flush is not recognised, so wait for
   * a silence that means something.
   */
  flush(): Uint8Array {
    const bytes = this.#held;
    this.#held = new Uint8Array();
    return this.#mask(bytes, bytes.length);
  }

  /** Masks `bytes[0 .. until)`, of which every match is decided. */
  #mask(bytes: Uint8Array, until: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let maskedTo = this.#maskedTo;
    let at = this.#matcher.find(bytes, 0);
    while (at !== -1 && at < until) {
      if (at > maskedTo) parts.push(bytes.subarray(Math.max(0, maskedTo), at), MASK_BYTES);
      maskedTo = Math.max(maskedTo, at + this.#matcher.lengthAt(bytes, at));
      at = this.#matcher.find(bytes, at + 1);
    }
    if (until > maskedTo) parts.push(bytes.subarray(Math.max(0, maskedTo), until));
    this.#maskedTo = maskedTo >= until ? maskedTo - until : OUTSIDE;
    return concat(parts);
  }
}

/** Masks bytes that are complete; returns the same array when there is nothing to mask. */
export function maskBytes(matcher: Matcher, bytes: Uint8Array): Uint8Array {
  if (matcher.find(bytes, 0) === -1) return bytes;
  const stream = new MaskStream(matcher);
  return concat([stream.push(bytes), stream.flush()]);
}

/**
 * Masks a text that is complete, such as an error message or a header's value; returns the same
 * string when there is nothing to mask.
 */
export function maskText(matcher: Matcher, text: string): string {
  const bytes = new TextEncoder().encode(text);
  const masked = maskBytes(matcher, bytes);
  return masked === bytes ? text : new TextDecoder("utf-8", { ignoreBOM: true }).decode(masked);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const full = parts.filter((part) => part.length > 0);
  if (full.length === 1) return full[0]!;
  const joined = new Uint8Array(full.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of full) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
