/**
 * A sorted set of byte patterns: which is the longest one that begins here?
 *
 * @module
 */

/** How many bytes the text has in common with the two patterns between which it sorts; see there. */
let commonBefore = 0;
let commonAfter = 0;

/**
 * Immutable set of byte patterns, packed into one buffer in lexicographic order.
 *
 * Patterns that are prefixes of a text all sort at or before it, and the nearest one before it is
 * either the longest of them or begins with it. So one binary search and a walk along the prefixes
 * of prefixes find it, however many patterns begin alike.
 *
 * The search looks at no byte of the text twice, after U. Manber and G. Myers, "Suffix Arrays"
 * (SIAM J. Comput. 22, 1993, §2): what the patterns on its way have in common with each other tells
 * where they differ from the text. Without that, values that begin alike and output that repeats
 * their beginning took each byte some 500 comparisons.
 */
export class PatternSet {
  readonly #packed: Uint8Array;
  /** Pattern `i` is `#packed[#starts[i] .. #starts[i + 1])`. */
  readonly #starts: Int32Array;
  /** The longest other pattern that pattern `i` begins with, or -1. */
  readonly #prefixes: Int32Array;
  /**
   * The binary search always comes to pattern `i` between the same two others: what it has in
   * common with the one before, and with the one after, bytes.
   */
  readonly #likeBefore: Int32Array;
  readonly #likeAfter: Int32Array;
  /** Patterns with first byte `b` are `#heads[b] .. #heads[b + 1]`. */
  readonly #heads: Int32Array;
  /** Length of the shortest pattern in bytes; 0 when there is none. */
  readonly shortest: number;
  /** Length of the longest pattern in bytes; 0 when there is none. */
  readonly longest: number;

  /**
   * Sorts and packs patterns.
   *
   * @param patterns Copied, in any order, none of them empty; repetitions are dropped.
   */
  constructor(patterns: Iterable<Uint8Array>) {
    const sorted = unique([...patterns].sort(compare));
    this.#starts = starts(sorted);
    this.#packed = packed(sorted, this.#starts);
    this.#prefixes = prefixes(sorted);
    this.#heads = heads(sorted);
    this.#likeBefore = new Int32Array(sorted.length);
    this.#likeAfter = new Int32Array(sorted.length);
    for (let head = 0; head < 256; head++) {
      this.#compareWay(sorted, this.#heads[head]! - 1, this.#heads[head + 1]!, head);
    }
    const lengths = sorted.map((pattern) => pattern.length);
    this.shortest = lengths.reduce((a, b) => Math.min(a, b), lengths[0] ?? 0);
    this.longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  }

  /** How many different patterns there are. */
  get size(): number {
    return this.#prefixes.length;
  }

  /** The patterns in lexicographic order, as views that must not be written to. */
  *[Symbol.iterator](): Generator<Uint8Array> {
    for (let i = 0; i < this.size; i++) {
      yield this.#packed.subarray(this.#starts[i], this.#starts[i + 1]);
    }
  }

  /** Length of the longest pattern that `bytes[at .. end)` begins with, or 0. */
  longestAt(bytes: Uint8Array, at: number, end: number): number {
    let candidate = this.#lastUpTo(bytes, at, end);
    const common = commonBefore;
    if (common === 0) return 0;
    while (candidate >= 0 && this.#length(candidate) > common) {
      candidate = this.#prefixes[candidate]!;
    }
    return candidate < 0 ? 0 : this.#length(candidate);
  }

  /** Whether some pattern is longer than `bytes[at .. end)` and begins with it. */
  mayContinue(bytes: Uint8Array, at: number, end: number): boolean {
    const head = bytes[at]!;
    if (this.#heads[head] === this.#heads[head + 1]) return false;
    this.#lastUpTo(bytes, at, end);
    return commonAfter === end - at;
  }

  /**
   * Index of the last pattern that sorts at or before `bytes[at .. end)`, or of one with another
   * first byte, or -1. Sets `commonBefore` for it and `commonAfter` for the pattern behind it; 0
   * for one with another first byte.
   */
  #lastUpTo(bytes: Uint8Array, at: number, end: number): number {
    const head = bytes[at]!;
    let low = this.#heads[head]! - 1;
    let high = this.#heads[head + 1]!;
    let before = 0;
    let after = 0;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const byBefore = before >= after;
      const nearer = byBefore ? before : after;
      const like = (byBefore ? this.#likeBefore : this.#likeAfter)[middle]!;
      // Where the pattern is more like its neighbour than the text is, or less, that decides.
      let common = Math.min(like, nearer);
      let isAfter = byBefore === like < nearer;
      if (like === nearer) {
        common = this.#common(middle, bytes, at, end, nearer);
        isAfter = this.#sortsAfter(middle, common, bytes, at, end);
      }
      if (isAfter) {
        high = middle;
        after = common;
      } else {
        low = middle;
        before = common;
      }
    }
    commonBefore = before;
    commonAfter = after;
    return low;
  }

  /** Notes what each pattern that the search may come to between two others has in common with them. */
  #compareWay(sorted: readonly Uint8Array[], low: number, high: number, head: number): void {
    if (high - low <= 1) return;
    const middle = (low + high) >> 1;
    const pattern = sorted[middle]!;
    this.#likeBefore[middle] = alike(pattern, sorted[low], head);
    this.#likeAfter[middle] = alike(pattern, sorted[high], head);
    this.#compareWay(sorted, low, middle, head);
    this.#compareWay(sorted, middle, high, head);
  }

  /** Whether a pattern that has its first `common` bytes in common with the text sorts after it. */
  #sortsAfter(
    index: number,
    common: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): boolean {
    if (common === this.#length(index)) return false;
    return at + common === end ||
      this.#packed[this.#starts[index]! + common]! > bytes[at + common]!;
  }

  /** How many bytes a pattern and the text have in common, of which `known` are known to be. */
  #common(index: number, bytes: Uint8Array, at: number, end: number, known: number): number {
    const packed = this.#packed;
    const start = this.#starts[index]!;
    const most = Math.min(this.#length(index), end - at);
    let common = known;
    while (common < most && packed[start + common] === bytes[at + common]) common++;
    return common;
  }

  #length(index: number): number {
    return this.#starts[index + 1]! - this.#starts[index]!;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

/** How many bytes two patterns have in common; none with one that doesn't begin with `head`. */
function alike(a: Uint8Array, b: Uint8Array | undefined, head: number): number {
  if (b === undefined || b[0] !== head) return 0;
  const most = Math.min(a.length, b.length);
  let common = 0;
  while (common < most && a[common] === b[common]) common++;
  return common;
}

function unique(sorted: Uint8Array[]): Uint8Array[] {
  return sorted.filter((pattern, i) => i === 0 || compare(sorted[i - 1]!, pattern) !== 0);
}

function starts(sorted: readonly Uint8Array[]): Int32Array {
  const found = new Int32Array(sorted.length + 1);
  sorted.forEach((pattern, i) => found[i + 1] = found[i]! + pattern.length);
  return found;
}

function packed(sorted: readonly Uint8Array[], at: Int32Array): Uint8Array {
  const bytes = new Uint8Array(at[sorted.length]!);
  sorted.forEach((pattern, i) => bytes.set(pattern, at[i]));
  return bytes;
}

function prefixes(sorted: readonly Uint8Array[]): Int32Array {
  const found = new Int32Array(sorted.length).fill(-1);
  sorted.forEach((pattern, i) => {
    let candidate = i - 1;
    while (candidate >= 0 && !beginsWith(pattern, sorted[candidate]!)) {
      candidate = found[candidate]!;
    }
    found[i] = candidate;
  });
  return found;
}

function beginsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.length <= bytes.length && prefix.every((byte, i) => byte === bytes[i]);
}

function heads(sorted: readonly Uint8Array[]): Int32Array {
  const found = new Int32Array(257);
  for (const pattern of sorted) found[pattern[0]! + 1]!++;
  for (let byte = 0; byte < 256; byte++) found[byte + 1]! += found[byte]!;
  return found;
}
