/**
 * One at a time, first come first served, and nobody waits for ever.
 *
 * @module
 */
import { WaitingLine } from "./waiting_line.ts";

/** A queue of tasks of which one runs at a time. */
export class Lane {
  readonly #waiting: WaitingLine<void>;
  #occupied = false;

  /** @param waitMs Milliseconds that a task may wait for its turn. */
  constructor(waitMs: number) {
    this.#waiting = new WaitingLine(waitMs);
  }

  /**
   * Runs `task` when those before it have ended.
   *
   * @throws {AppError} STORE_UNAVAILABLE when its turn has not come in time.
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#occupied) await this.#waiting.join();
    this.#occupied = true;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Hands the lane on without freeing it in between, so that a newcomer cannot overtake. */
  #next(): void {
    if (!this.#waiting.admit()) this.#occupied = false;
  }
}
