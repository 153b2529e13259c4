/**
 * "Did you mean": the nearest known word.
 *
 * @module
 */

/** Optimal string alignment distance: insertions, deletions, exchanges and swapped neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, before[j - 2]! + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/**
 * The candidate nearest to `word`, or `null` when none is near enough to be meant.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nearest } from "./suggest.ts";
 *
 * assertEquals(nearest("namepsace", ["scope", "namespace"]), "namespace");
 * assertEquals(nearest("banana", ["scope", "namespace"]), null);
 * ```
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  // Long words can't be meant, and their distance is quadratic to work out.
  if (word.length > 40) return null;
  const typed = word.toLowerCase();
  let found: string | null = null;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const prefixed = typed.length >= 3 && candidate.startsWith(typed);
    const cost = prefixed ? 1 : distance(typed, candidate);
    if (cost < least) [found, least] = [candidate, cost];
  }
  return found;
}
