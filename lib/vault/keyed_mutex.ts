/**
 * A queue for each key: work on one key runs one after the other, in the order it came.
 *
 * @module
 */

/** Runs work on different keys at once, and on the same key in turn. */
export class KeyedMutex {
  /** The end of each queue; a key without work has no entry. */
  readonly #tails = new Map<string, Promise<unknown>>();

  /** How many keys have work. */
  get size(): number {
    return this.#tails.size;
  }

  /**
   * Runs `work` when everything queued under `key` before has settled.
   *
   * @example Usage
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { KeyedMutex } from "./keyed_mutex.ts";
   *
   * const mutex = new KeyedMutex();
   * const order: number[] = [];
   * await Promise.all([1, 2, 3].map((n) => mutex.run("key", async () => {
   *   await Promise.resolve();
   *   order.push(n);
   * })));
   * assertEquals(order, [1, 2, 3]);
   * ```
   */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#tails.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#tails.get(key) === turn) this.#tails.delete(key);
    }
  }
}
