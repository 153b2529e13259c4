/**
 * Which of its values a run has read, as its child tells it.
 *
 * A child tells numbers, not names, so it can only name what it was given.
 *
 * @module
 */
import type { Injection, ValueSource } from "../resolve/injection.ts";
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import { WORD_BITS } from "./guest/reads.mjs";

/** One bit for each value that was read; see `guest/reads.mjs`. */
export type ReadWords = readonly number[];

/** Nothing was read. */
export const NO_READS: ReadWords = Object.freeze([]);

/** More words than that are no list of reads: a run doesn't get so many values. */
const MAX_WORDS = 4_096;
/** Sets of reads of one recipe that are remembered. A function reads the same on most calls. */
const MAX_KEPT = 64;

/**
 * Adds what a child told. It may tell anything; what is no list of words is left out.
 *
 * @param known What was told before; never changed.
 */
export function addReads(known: ReadWords, told: unknown): ReadWords {
  if (!Array.isArray(told) || told.length > MAX_WORDS || !told.every(isWord)) return known;
  if (known.length === 0) return told;
  const [longer, shorter] = known.length > told.length ? [known, told] : [told, known];
  return longer.map((word, i) => word | (shorter[i] ?? 0));
}

function isWord(word: unknown): word is number {
  return Number.isInteger(word) && (word as number) >= 0 && (word as number) < 2 ** WORD_BITS;
}

/** Finds what the words of runs with one injection stand for. */
export class ReadNames {
  readonly #injection: Injection;
  readonly #kept = new Map<number, readonly ValueSource[]>();
  #shared: readonly ValueSource[] | undefined;

  constructor(injection: Injection) {
    this.#injection = injection;
  }

  /**
   * What was read, in the order of the names' numbers. Equal words give the same list again, unless
   * there is something of a user in it.
   */
  of(words: ReadWords, user: ResolvedSettings): readonly ValueSource[] {
    if (words.length > 1 || user.sources.length > 0) return this.#find(words, user);
    const word = words[0] ?? 0;
    let found = this.#kept.get(word);
    if (found === undefined) {
      if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
      this.#kept.set(word, found = this.#find(words, user));
    }
    return found;
  }

  #find(words: ReadWords, user: ResolvedSettings): readonly ValueSource[] {
    const shared = this.#shared ??= [
      ...this.#injection.sources,
      ...this.#injection.system.sources,
    ];
    const found: ValueSource[] = [];
    words.forEach((word, at) => {
      for (let bit = 0; word >> bit !== 0; bit++) {
        if ((word >> bit & 1) === 0) continue;
        const number = at * WORD_BITS + bit;
        const source = shared[number] ?? user.sources[number - shared.length];
        if (source !== undefined) found.push(source);
      }
    });
    return found;
  }
}
