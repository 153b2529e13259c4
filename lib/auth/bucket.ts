/**
 * A token bucket, and a map that forgets its oldest entries.
 *
 * @module
 */

/** Lets `rate` a second through, and up to `burst` at once. */
export class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  /** @param now Milliseconds of a clock that never goes back, as in every call. */
  constructor(rate: number, burst: number, now: number) {
    this.#perMs = rate / 1_000;
    this.#burst = burst;
    this.#level = burst;
    this.#at = now;
  }

  /**
   * Takes one.
   *
   * @returns 0, or how many ms it takes until there is one.
   * @example Usage
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Bucket } from "./bucket.ts";
   *
   * const bucket = new Bucket(2, 1, 0);
   * assertEquals([bucket.take(0), bucket.take(100), bucket.take(500)], [0, 400, 0]);
   * ```
   */
  take(now: number): number {
    this.#level = Math.min(this.#burst, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#level < 1) return (1 - this.#level) / this.#perMs;
    this.#level--;
    return 0;
  }

  /** Puts back what was taken. */
  giveBack(): void {
    this.#level = Math.min(this.#burst, this.#level + 1);
  }
}

/** A map of bounded size; the entry that was set longest ago goes first. */
export class BoundedMap<V> {
  readonly #max: number;
  readonly #entries = new Map<string, V>();

  constructor(max: number) {
    this.#max = max;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  get(name: string): V | undefined {
    return this.#entries.get(name);
  }

  set(name: string, value: V): void {
    this.#entries.delete(name);
    if (this.#entries.size >= this.#max) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(name, value);
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }
}
