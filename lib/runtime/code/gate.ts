/**
 * Lets a few pieces of work run at once and the others wait.
 *
 * @module
 */

/**
 * A gate of a fixed width.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Gate } from "./gate.ts";
 *
 * assertEquals(await new Gate(1).run(() => Promise.resolve(7)), 7);
 * ```
 */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param width How many pieces of work run at once. */
  constructor(width: number) {
    this.#free = width;
  }

  /** Runs `work` in its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
