/**
 * Regular cleaning up, so that nothing in the database grows for ever.
 *
 * @module
 */

/** Something to be done regularly. */
export interface Chore {
  readonly name: string;
  run(now: Date): Promise<unknown>;
}

/** How often chores are done unless told, ms. */
const PERIOD_MS = 60 * 60 * 1_000;
/** The first time after the start, ms: not while a server is busy starting. */
const FIRST_MS = 60 * 1_000;

/** Does chores one after the other, until it is closed. */
export class Maintenance {
  readonly #chores: readonly Chore[];
  readonly #onError: (chore: string, error: unknown) => void;
  readonly #periodMs: number;
  #timer: ReturnType<typeof setTimeout>;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    chores: readonly Chore[],
    onError: (chore: string, error: unknown) => void,
    periodMs = PERIOD_MS,
  ) {
    this.#chores = chores;
    this.#onError = onError;
    this.#periodMs = periodMs;
    this.#timer = setTimeout(() => this.#turn(), FIRST_MS);
  }

  /** Does every chore once; a failing one doesn't keep the others from being done. */
  async run(now: Date = new Date()): Promise<void> {
    for (const chore of this.#chores) {
      if (this.#closed) return;
      try {
        await chore.run(now);
      } catch (error) {
        this.#onError(chore.name, error);
      }
    }
  }

  /** Ends it, once the chore under way is done. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #turn(): void {
    this.#running = this.run().then(() => {
      if (!this.#closed) this.#timer = setTimeout(() => this.#turn(), this.#periodMs);
    });
  }
}
