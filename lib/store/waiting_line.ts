/**
 * A line to wait in: first come first served, and nobody waits for ever.
 *
 * @module
 */
import { busyForTooLong } from "./sql_error.ts";

interface Waiter<T> {
  readonly admit: (turn: T) => void;
  readonly refuse: (reason: unknown) => void;
  /** When it has waited long enough, milliseconds of `performance.now()`. */
  readonly until: number;
}

/** Those who wait. All of them wait equally long, so one timer is enough: for who is first. */
export class WaitingLine<T> {
  readonly #waitMs: number;
  /** One list for good: what an old one still pointed to would be kept with it. */
  readonly #waiters: Waiter<T>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param waitMs Milliseconds that somebody waits at most. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiters.length;
  }

  /**
   * Waits for its turn.
   *
   * @throws {AppError} STORE_UNAVAILABLE when that has not come in time.
   */
  join(): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const until = performance.now() + this.#waitMs;
    // In line before the timer is set: the first setTimeout() of a program may run microtasks, and
    // in one of them whoever is before may end and look for who is next.
    this.#waiters.push({ admit: resolve, refuse: reject, until });
    this.#timer ??= setTimeout(this.#expire, this.#waitMs);
    if (this.length === 0) this.#stop();
    return promise;
  }

  /** Gives who is first its turn; tells whether there was anybody. */
  admit(turn: T): boolean {
    const first = this.#leave();
    first?.admit(turn);
    return first !== undefined;
  }

  /** Sends everybody away. */
  refuseAll(reason: unknown): void {
    while (this.length > 0) this.#leave()!.refuse(reason);
  }

  #leave(): Waiter<T> | undefined {
    const first = this.#waiters.shift();
    if (this.length === 0) this.#stop();
    return first;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    while (this.length > 0 && this.#waiters[0]!.until <= now) {
      this.#leave()!.refuse(busyForTooLong());
    }
    const next = this.#waiters[0];
    if (next !== undefined) this.#timer ??= setTimeout(this.#expire, next.until - now);
  };
}
