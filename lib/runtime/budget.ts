/**
 * A budget that refills with time: a token bucket.
 *
 * @module
 */

/** Says how much of something may happen. */
export class Budget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #left: number;
  #filledAt: number;

  /**
   * @param perSecond What comes back each second.
   * @param burst The most that can be saved up, and what there is at first.
   * @param now A monotonic clock, ms.
   */
  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#left = burst;
    this.#filledAt = now();
  }

  /**
   * Spends `amount` if there is that much; returns whether there was.
   *
   * @param now The time, for who knows it anyway.
   */
  spend(amount: number, now: number = this.#now()): boolean {
    const refill = Math.max(0, now - this.#filledAt) / 1_000 * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + refill);
    this.#filledAt = now;
    if (this.#left < amount) return false;
    this.#left -= amount;
    return true;
  }
}
