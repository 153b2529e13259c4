/**
 * Records of accesses on their way to the store: collected, and written in batches behind whatever
 * they are about.
 *
 * @module
 */
import { SYSTEM } from "./actor.ts";
import type { AuditEntry, AuditSink } from "./entry.ts";

/** What an {@linkcode AccessLog} is made of. */
export interface AccessLogParts {
  /** Where batches are stored; one that is given again after a failure is stored once. */
  readonly store: { append(batch: readonly AuditEntry[]): Promise<void> };
  /** Told when records were lost, with how many, and why a batch could not be stored. */
  readonly onTrouble: (lost: number, error: unknown) => void;
  /** How long records are collected, ms. Default 250. */
  readonly delayMs?: number;
}

const DELAY_MS = 250;
/** The most records of a batch, and the most that wait. */
const MAX_BATCH = 200;
const MAX_WAITING = 10_000;
/** How often the last records are tried to be stored at the end. */
const LAST_ATTEMPTS = 3;

/** Collects records. What finds no room is counted, and the count is recorded. */
export class AccessLog implements AuditSink {
  readonly #parts: AccessLogParts;
  readonly #waiting: AuditEntry[] = [];
  /** What is being stored; kept as it is until it is. */
  #batch: readonly AuditEntry[] | undefined;
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  /** Stores nothing yet. */
  constructor(parts: AccessLogParts) {
    this.#parts = parts;
  }

  /** Takes a record; never waits, never throws. */
  note(entry: AuditEntry): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost++;
      if (this.#lost === 1) this.#parts.onTrouble(1, undefined);
      return;
    }
    this.#waiting.push({ ...entry, at: entry.at ?? new Date() });
    if (!this.#closed) this.#timer ??= setTimeout(() => this.#turn(), this.#delay);
  }

  /** Stores what was noted until now. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const earlier = this.#running;
    this.#running = earlier.then(() => this.#drain());
    await this.#running;
  }

  /** Stores what is left, and takes no more time for it than a few attempts. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let attempt = 0; attempt < LAST_ATTEMPTS && this.#isBehind; attempt++) await this.flush();
    const left = this.#waiting.length + (this.#batch?.length ?? 0) + this.#lost;
    if (left > 0) this.#parts.onTrouble(left, undefined);
  }

  get #isBehind(): boolean {
    return this.#waiting.length > 0 || this.#batch !== undefined || this.#timer !== undefined ||
      this.#lost > 0;
  }

  get #delay(): number {
    return this.#parts.delayMs ?? DELAY_MS;
  }

  #turn(): void {
    void this.flush().then(() => {
      if (!this.#closed && this.#isBehind) {
        this.#timer ??= setTimeout(() => this.#turn(), this.#delay);
      }
    });
  }

  /** Never rejects: what could not be stored waits for the next turn. */
  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 || this.#batch !== undefined || this.#lost > 0) {
      const lost = this.#batch === undefined ? this.#lost : 0;
      this.#batch ??= [
        ...this.#waiting.splice(0, MAX_BATCH),
        ...(lost > 0 ? [{ action: "audit.lost", actor: SYSTEM, count: lost }] : []),
      ];
      // Counted by the batch from here on.
      this.#lost -= lost;
      try {
        await this.#parts.store.append(this.#batch);
        this.#batch = undefined;
      } catch (error) {
        this.#parts.onTrouble(0, error);
        return;
      }
    }
  }
}
