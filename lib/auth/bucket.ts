/**
 * A token bucket, and a map of bounded size.
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

/**
 * A map of bounded size that forgets what wasn't set or read for longest. It keeps two halves and
 * drops the older one whole, since a map that loses its first entry each time gets slow to iterate.
 */
export class BoundedMap<V> {
  readonly #half: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(max: number) {
    this.#half = Math.ceil(max / 2);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value of an entry. */
  get(name: string): V | undefined {
    const young = this.#young.get(name);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  /** Sets an entry. */
  set(name: string, value: V): void {
    this.#old.delete(name);
    if (this.#young.size >= this.#half && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, value);
  }

  /** Removes an entry. */
  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }
}
