/**
 * A job that runs here now.
 *
 * @module
 */
import type { Sql } from "../store/sql.ts";
import { noteProgress } from "./job_store.ts";
import type { Claim } from "./queue.ts";

/** Why a run was stopped from outside. */
export type StopCause =
  /** Somebody cancelled the job. */
  | "cancelled"
  /** The claim no longer holds: another worker has the job, or it was cancelled. */
  | "lost"
  /** This worker is shutting down. */
  | "handed_back";

interface Progress {
  readonly percent: number;
  readonly message: string | null;
}

/** How often progress is stored at most, ms. */
const PROGRESS_MS = 500;

/** One run. */
export class Running {
  readonly claim: Claim;
  /** Resolves when the run has ended and that is noted. */
  readonly done: Promise<void>;
  /** Set once the run has ended: what is noted now decides, not a missed sign of life. */
  settling = false;
  readonly #controller = new AbortController();
  #cause: StopCause | undefined;
  #progress: Progress | undefined;
  #storing: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /** Starts the run. */
  constructor(claim: Claim, work: (signal: AbortSignal, running: Running) => Promise<void>) {
    this.claim = claim;
    this.done = work(this.#controller.signal, this);
  }

  /** Why it was stopped, if it was. */
  get cause(): StopCause | undefined {
    return this.#cause;
  }

  /** Stops the run. The first cause stands, but for the end of this worker. */
  stop(cause: StopCause): void {
    if (this.#cause === undefined || cause === "handed_back") this.#cause = cause;
    this.#controller.abort();
  }

  /** Takes progress and stores the latest of it now and then. */
  progressTo(sql: Sql): (percent: number, message: string | null) => void {
    return (percent, message) => {
      this.#progress = { percent, message };
      this.#storing ??= this.#store(sql).finally(() => this.#storing = undefined);
    };
  }

  /** Stores what progress is left. */
  async flush(sql: Sql): Promise<void> {
    if (this.settling) this.#wake?.();
    if (this.#progress === undefined) return;
    const progress = this.#progress;
    this.#progress = undefined;
    // Progress that is not stored is no reason for a job to fail.
    await noteProgress(sql, this.claim.id, progress).catch(() => {});
  }

  async #store(sql: Sql): Promise<void> {
    while (this.#progress !== undefined && !this.settling) {
      await this.flush(sql);
      if (!this.settling) await this.#pause();
    }
  }

  /** Until it is time for the next, or there will be none. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PROGRESS_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
