/**
 * Search for many byte patterns at once, after S. Wu and U. Manber, "A Fast Algorithm for
 * Multi-pattern Searching" (University of Arizona TR-94-17, 1994).
 *
 * @module
 */
import { PatternSet } from "./pattern_set.ts";

/** Bytes of a block: what a look at the text compares with all the patterns. */
const BLOCK = 3;

/** Bounds of the shift table's size as powers of two: 4 KiB to 1 MiB. */
const MIN_BITS = 12;
const MAX_BITS = 20;

/** Table slots per stored block, as a power of two; more slots mean fewer chance meetings. */
const SPARSE_BITS = 3;

/**
 * An immutable set of patterns, made ready for search; any number of streams may share it.
 *
 * A window as long as the shortest pattern moves over the text. The three bytes at its end tell
 * how far it may move without missing a pattern: all of its length if no pattern has them.
 * The time is mostly less than one step a byte. At worst, in text that repeats the beginning of a
 * pattern at every byte, it is the longest pattern's length and the logarithm of their number.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Matcher } from "./matcher.ts";
 *
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const matcher = Matcher.compile([bytes("hunter2"), bytes("hunter22")]);
 * const text = bytes("the password is hunter22.");
 * const at = matcher.find(text, 0);
 * assertEquals([at, matcher.lengthAt(text, at)], [16, 8]);
 * ```
 */
export class Matcher {
  readonly #patterns: PatternSet;
  readonly #shifts: Uint8Array;
  /** Length of what {@linkcode Matcher.find} found last. */
  foundLength = 0;
  /** This one. */
  readonly matchers: readonly Matcher[] = [this];
  /** Turns a block's hash into an index of `#shifts`. */
  readonly #drop: number;

  private constructor(patterns: PatternSet) {
    const blocks = patterns.size * (patterns.shortest - BLOCK + 1);
    const bits = Math.min(
      MAX_BITS,
      Math.max(MIN_BITS, Math.ceil(Math.log2(blocks + 1)) + SPARSE_BITS),
    );
    this.#patterns = patterns;
    this.#drop = 32 - bits;
    this.#shifts = shiftTable(patterns, bits);
  }

  /**
   * Makes patterns ready for search.
   *
   * @param patterns Any number of patterns of at least 3 bytes; they are copied.
   * @throws {RangeError} when a pattern is shorter.
   */
  static compile(patterns: Iterable<Uint8Array>): Matcher {
    const set = new PatternSet(patterns);
    if (set.size > 0 && set.shortest < BLOCK) {
      throw new RangeError(`Patterns must have ${BLOCK} bytes or more`);
    }
    return new Matcher(set);
  }

  /** How many different patterns there are. */
  get size(): number {
    return this.#patterns.size;
  }

  /** Length of the longest pattern in bytes; 0 when there is none. */
  get longest(): number {
    return this.#patterns.longest;
  }

  /**
   * The first index at or after `from` at which a whole pattern begins, or -1. `foundLength` is then
   * the length of the longest one.
   */
  find(bytes: Uint8Array, from: number): number {
    const { shortest, size } = this.#patterns;
    if (size === 0) return -1;
    const shifts = this.#shifts;
    const drop = this.#drop;
    const end = bytes.length;
    let last = from + shortest - 1;
    while (last < end) {
      const shift = shifts[hash(bytes[last - 2]!, bytes[last - 1]!, bytes[last]!) >>> drop]!;
      if (shift > 0) last += shift;
      else {
        this.foundLength = this.lengthAt(bytes, last - shortest + 1);
        if (this.foundLength > 0) return last - shortest + 1;
        last++;
      }
    }
    return -1;
  }

  /** Length of the longest pattern that begins at `at`, or 0. */
  lengthAt(bytes: Uint8Array, at: number): number {
    return this.#patterns.longestAt(bytes, at, bytes.length);
  }

  /**
   * The first index from which more bytes may still make a pattern, or make a longer one; the
   * length of `bytes` when there is none. All matches before it are decided.
   */
  undecidedFrom(bytes: Uint8Array): number {
    const end = bytes.length;
    let at = Math.max(0, end - this.#patterns.longest + 1);
    while (at < end && !this.#patterns.mayContinue(bytes, at, end)) at++;
    return Math.min(at, end);
  }
}

/** Fibonacci hashing of three bytes: the upper bits of the product are the best mixed. */
function hash(a: number, b: number, c: number): number {
  return Math.imul((a << 16) | (b << 8) | c, 0x9e3779b1);
}

/** For each block, how far its rightmost place in any pattern's window is from the window's end. */
function shiftTable(patterns: PatternSet, bits: number): Uint8Array {
  const window = patterns.shortest;
  const shifts = new Uint8Array(2 ** bits).fill(Math.min(255, Math.max(1, window - BLOCK + 1)));
  for (const pattern of patterns) {
    for (let last = BLOCK - 1; last < window; last++) {
      const block = hash(pattern[last - 2]!, pattern[last - 1]!, pattern[last]!) >>> (32 - bits);
      shifts[block] = Math.min(shifts[block]!, window - 1 - last);
    }
  }
  return shifts;
}
