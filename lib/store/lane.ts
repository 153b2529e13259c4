/**
 * One at a time, first come first served, and nobody waits for ever.
 *
 * @module
 */
import { unavailable } from "./sql_error.ts";

interface Waiter {
  readonly admit: () => void;
}

/** A queue of tasks of which one runs at a time. */
export class Lane {
  readonly #waitMs: number;
  readonly #waiting = new Set<Waiter>();
  #occupied = false;

  /** @param waitMs Milliseconds that a task may wait for its turn. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /**
   * Runs `task` when those before it have ended.
   *
   * @throws {AppError} STORE_UNAVAILABLE when its turn has not come in time.
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#occupied) await this.#turn();
    this.#occupied = true;
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  #turn(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { admit: resolve };
    // In line before the timer is set: the first setTimeout() of a program may run microtasks, and
    // in one of them the task before may end and look for who is next.
    this.#waiting.add(waiter);
    const timer = setTimeout(() => {
      this.#waiting.delete(waiter);
      reject(unavailable("The database was busy with other work for too long"));
    }, this.#waitMs);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Hands the lane on without freeing it in between, so that a newcomer cannot overtake. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#occupied = false;
      return;
    }
    this.#waiting.delete(first);
    first.admit();
  }
}
