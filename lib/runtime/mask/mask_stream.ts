/**
 * Replaces secret values in bytes that arrive in chunks of any size.
 *
 * @module
 */
import type { Matcher } from "./matcher.ts";

/** What is masked: the patterns of all these together. A {@linkcode Matcher} is one of its own. */
export interface Patterns {
  /** May become more while streams run. */
  readonly matchers: readonly Matcher[];
}

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
  readonly #patterns: Patterns;
  #held: Uint8Array = new Uint8Array();
  /** Up to which index of `#held` the bytes belong to a mask already written, or OUTSIDE. */
  #maskedTo = OUTSIDE;

  /**
   * Begins a stream.
   *
   * @param patterns May be shared.
   */
  constructor(patterns: Patterns) {
    this.#patterns = patterns;
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
    const until = undecidedFrom(this.#patterns, bytes);
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
    const matches = new Matches(this.#patterns, bytes);
    while (matches.advance(until)) {
      const { from, to } = matches;
      if (from > maskedTo) parts.push(bytes.subarray(Math.max(0, maskedTo), from), MASK_BYTES);
      maskedTo = Math.max(maskedTo, to);
    }
    if (until > maskedTo) parts.push(bytes.subarray(Math.max(0, maskedTo), until));
    this.#maskedTo = maskedTo >= until ? maskedTo - until : OUTSIDE;
    return concat(parts);
  }
}

/** Masks bytes that are complete; returns the same array when there is nothing to mask. */
export function maskBytes(patterns: Patterns, bytes: Uint8Array): Uint8Array {
  if (!occursIn(patterns, bytes)) return bytes;
  const stream = new MaskStream(patterns);
  return concat([stream.push(bytes), stream.flush()]);
}

/**
 * Masks a text that is complete, such as an error message or a header's value; returns the same
 * string when there is nothing to mask.
 */
export function maskText(patterns: Patterns, text: string): string {
  const bytes = new TextEncoder().encode(text);
  const masked = maskBytes(patterns, bytes);
  return masked === bytes ? text : new TextDecoder("utf-8", { ignoreBOM: true }).decode(masked);
}

/** Whether one of the patterns occurs. */
export function occursIn({ matchers }: Patterns, bytes: Uint8Array): boolean {
  return matchers.some((matcher) => matcher.find(bytes, 0) !== -1);
}

function undecidedFrom({ matchers }: Patterns, bytes: Uint8Array): number {
  return matchers.reduce(
    (first, matcher) => Math.min(first, matcher.undecidedFrom(bytes)),
    bytes.length,
  );
}

/** Goes through all matches by where they begin. An object for each of them would cost too much. */
class Matches {
  readonly #matchers: readonly Matcher[];
  readonly #bytes: Uint8Array;
  /** Each matcher's next match is kept, so that none searches the same bytes twice. */
  readonly #next: number[];
  readonly #lengths: number[];
  /** Where the match is that {@linkcode Matches.advance} went to. */
  from = 0;
  to = 0;

  constructor({ matchers }: Patterns, bytes: Uint8Array) {
    this.#matchers = matchers;
    this.#bytes = bytes;
    this.#next = matchers.map(() => -1);
    this.#lengths = matchers.map(() => 0);
    for (let i = 0; i < matchers.length; i++) this.#look(i, 0);
  }

  /** Goes to the next match; `false` when none begins before `until`. */
  advance(until: number): boolean {
    const next = this.#next;
    let first = -1;
    for (let i = 0; i < next.length; i++) {
      if (next[i] !== -1 && (first === -1 || next[i]! < next[first]!)) first = i;
    }
    if (first === -1 || next[first]! >= until) return false;
    this.from = next[first]!;
    this.to = this.from + this.#lengths[first]!;
    this.#look(first, this.from + 1);
    return true;
  }

  #look(index: number, from: number): void {
    const matcher = this.#matchers[index]!;
    this.#next[index] = matcher.find(this.#bytes, from);
    this.#lengths[index] = matcher.foundLength;
  }
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
