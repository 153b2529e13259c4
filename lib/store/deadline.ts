/**
 * A deadline that is set again and again, and seldom passes.
 *
 * @module
 */

/**
 * Watches one task after another with one timer, which is set anew only when it goes off: to set one
 * for each task takes as long as the parsing of a small answer.
 */
export class Deadline {
  /** Milliseconds of `performance.now()`; infinite while nothing is watched. */
  #until = Infinity;
  #onPassed: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #goesOffAt = Infinity;

  /**
   * Watches a task.
   *
   * @param ms How long it may take.
   * @param onPassed Called when it takes longer.
   */
  start(ms: number, onPassed: () => void): void {
    const now = performance.now();
    this.#until = now + ms;
    this.#onPassed = onPassed;
    if (this.#timer !== undefined && this.#goesOffAt <= this.#until) return;
    clearTimeout(this.#timer);
    this.#arm(now);
  }

  /** The task is over. */
  stop(): void {
    this.#until = Infinity;
  }

  /** Watches no more. */
  close(): void {
    this.stop();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(now: number): void {
    this.#goesOffAt = this.#until;
    this.#timer = setTimeout(this.#goOff, this.#until - now);
    // What it watches keeps the process alive, not this.
    Deno.unrefTimer(this.#timer);
  }

  readonly #goOff = (): void => {
    this.#timer = undefined;
    if (this.#until === Infinity) return;
    const now = performance.now();
    if (this.#until > now) return this.#arm(now);
    this.#until = Infinity;
    this.#onPassed();
  };
}
