/**
 * Makes everything anew that is not under the newest keys, in the background.
 *
 * There is nothing to resume from: what is done already is under the newest keys, and is passed
 * over. So it may be killed at any moment, and any server may go on.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { lockIfFree } from "../store/advisory_lock.ts";
import { TABLE_START } from "../store/renewal.ts";
import type { Database } from "../store/sql.ts";
import type { RenewedBatch, SealedTable } from "./sealed_table.ts";

/** What a renewer is made of. */
export interface RenewerParts {
  readonly database: Database;
  readonly ring: KeyRing;
  readonly tables: readonly SealedTable[];
  readonly onError: (error: unknown) => void;
  /** Told at the end of a run that did something. */
  readonly onDone?: (state: RenewalState) => void;
  readonly pace?: Pace;
}

/** How hard it works. */
export interface Pace {
  /** Rest after a batch, as a multiple of the time it took. Default 3: a quarter of one core. */
  readonly rest: number;
  /** How long it computes before others get a turn, ms. Default 1. */
  readonly sliceMs: number;
}

/** How far it has come. */
export interface RenewalState {
  readonly running: boolean;
  /** Rows of this run, or of the last one. */
  readonly done: number;
  /** Rows that are not as they were written, and stay under their old keys. */
  readonly damaged: number;
}

const PACE: Pace = { rest: 3, sliceMs: 1 };
/** The longest rest between two batches, ms. */
const MAX_REST_MS = 1_000;
/** How long another server is waited for that is at it, or a database that doesn't answer, ms. */
const RETRY_MS = 1_000;

/** Goes through all tables, again and again until nothing is left to do. */
export class Renewer {
  readonly #parts: RenewerParts;
  readonly #pace: Pace;
  #closed = false;
  #getUp: () => void = () => {};
  #wanted = false;
  #run: Promise<void> | undefined;
  #done = 0;
  #damaged = 0;

  /** Begins nothing yet. */
  constructor(parts: RenewerParts) {
    this.#parts = parts;
    this.#pace = parts.pace ?? PACE;
  }

  /** How far it has come. */
  get state(): RenewalState {
    return { running: this.#run !== undefined, done: this.#done, damaged: this.#damaged };
  }

  /** Begins, or goes through everything once more if it has begun: there may be old keys in use. */
  wake(): void {
    this.#wanted = true;
    if (this.#closed) return;
    this.#run ??= this.#work().finally(() => {
      this.#run = undefined;
      // It may have been woken after it had looked for the last time.
      if (this.#wanted) this.wake();
    });
  }

  /** Resolves when it is at rest. */
  async settled(): Promise<void> {
    while (this.#run !== undefined) await this.#run;
  }

  /** Ends it after the batch under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#getUp();
    await this.settled();
  }

  async #work(): Promise<void> {
    this.#done = 0;
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        const { done, lost } = await this.#round();
        if (done + lost > 0) this.#wanted = true;
        if (done === 0 && lost > 0) await this.#sleep(RETRY_MS);
      } catch (error) {
        this.#parts.onError(error);
        // A defect of ours would only come again.
        if (!(error instanceof AppError)) return;
        this.#wanted = true;
        await this.#sleep(RETRY_MS);
      }
    }
    if (this.#done > 0) this.#parts.onDone?.({ ...this.state, running: false });
  }

  async #round(): Promise<{ done: number; lost: number }> {
    const round = { done: 0, lost: 0, damaged: 0 };
    for (const { renew } of this.#parts.tables) {
      for (let after: string | null = renew ? TABLE_START : null; after !== null;) {
        const begun = performance.now();
        const batch: RenewedBatch | undefined = await this.#alone(after, renew!);
        if (this.#closed) return { done: 0, lost: 0 };
        if (batch === undefined) {
          await this.#sleep(RETRY_MS);
          continue;
        }
        round.done += batch.done;
        round.lost += batch.lost;
        round.damaged += batch.damaged;
        this.#done += batch.done;
        after = batch.next;
        if (batch.done > 0) await this.#rest(performance.now() - begun);
      }
    }
    this.#damaged = round.damaged;
    return round;
  }

  /** Several servers at it would only undo each other's work. The lock goes with its connection. */
  async #alone(
    after: string,
    renew: NonNullable<SealedTable["renew"]>,
  ): Promise<RenewedBatch | undefined> {
    const { database, ring } = this.#parts;
    const tools = { sql: database.sql, ring, breathe: this.#breather() };
    if (database.kind === "embedded") return await renew(tools, after);
    return await database.sql.transaction(async (tx) => {
      if (await lockIfFree(tx, "renewal")) return await renew(tools, after);
      return undefined;
    });
  }

  /** Gives others a turn whenever a slice of time is used up. */
  #breather(): () => Promise<void> {
    let since = performance.now();
    return async () => {
      if (performance.now() - since < this.#pace.sliceMs) return;
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
      since = performance.now();
    };
  }

  #rest(tookMs: number): Promise<void> {
    return this.#sleep(Math.min(tookMs * this.#pace.rest, MAX_REST_MS));
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#getUp = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}
