/**
 * A masker to which values are added while it masks: for a child that is given more as it runs.
 *
 * @module
 */
import { patternsOf } from "./forms.ts";
import { maskBytes, MaskStream, maskText, occursIn } from "./mask_stream.ts";
import type { Masker } from "./masker.ts";
import { Matcher } from "./matcher.ts";

/** Patterns that were added, ready for search. */
interface Layer {
  readonly patterns: readonly Uint8Array[];
  readonly matcher: Matcher;
}

/** How many short texts are remembered as clean, and how long they may be. */
const CLEAN_TEXTS = 64;
const CLEAN_LENGTH = 256;

/**
 * Masks the values of another masker, and each added value from the moment on in which it is added,
 * also in streams that were begun before. Nothing is ever taken away: what a child was given once it
 * may print at any time.
 *
 * Added patterns are kept in layers of which each is at least twice as large as the next. So adding
 * n patterns one by one makes each ready for search log2 n times, and a search goes through as many
 * layers at most.
 */
export class GrowingMasker implements Masker {
  readonly #base: Masker;
  readonly #layers: Layer[] = [];
  readonly #known = new Set<string>();
  #matchers: readonly Matcher[];
  /** Short texts in which there was nothing: most headers are the same with every call. */
  readonly #clean = new Set<string>();

  constructor(base: Masker) {
    this.#base = base;
    this.#matchers = base.matchers;
  }

  /** Where all patterns are searched for. */
  get matchers(): readonly Matcher[] {
    return this.#matchers;
  }

  /** How many different values were added. */
  get added(): number {
    return this.#known.size;
  }

  /** Masks these values, too, from now on. */
  add(values: Iterable<string>): void {
    const fresh = [...values].filter((value) => !this.#known.has(value));
    for (const value of fresh) this.#known.add(value);
    let patterns = fresh.flatMap(patternsOf);
    if (patterns.length === 0) return;
    this.#clean.clear();
    while (this.#layers.length > 0 && this.#layers.at(-1)!.patterns.length < 2 * patterns.length) {
      patterns = [...this.#layers.pop()!.patterns, ...patterns];
    }
    this.#layers.push({ patterns, matcher: Matcher.compile(patterns) });
    this.#matchers = [...this.#base.matchers, ...this.#layers.map(({ matcher }) => matcher)];
  }

  /** Masks a complete text; the same string when nothing is to be masked. */
  text(text: string): string {
    if (this.#clean.has(text)) return text;
    const masked = maskText(this, text);
    if (masked === text && text.length <= CLEAN_LENGTH) {
      if (this.#clean.size >= CLEAN_TEXTS) this.#clean.clear();
      this.#clean.add(text);
    }
    return masked;
  }

  /** Masks complete bytes; the same array when nothing is to be masked. */
  bytes(bytes: Uint8Array): Uint8Array {
    return maskBytes(this, bytes);
  }

  /** Begins a stream. */
  stream(): MaskStream {
    return new MaskStream(this);
  }

  /** Whether one of the values, or a part of one that would be masked, occurs. */
  contains(bytes: Uint8Array): boolean {
    return occursIn(this, bytes);
  }
}
