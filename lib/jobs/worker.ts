/**
 * Takes jobs from the queue, runs them and notes how they ended.
 *
 * A job is run at least once and ended exactly once: a worker that is not heard of loses its jobs to
 * another, and what it may still report of them no longer counts.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import type { Database, Subscription } from "../store/sql.ts";
import { verifyOrder } from "./job.ts";
import { beginAttempts, type BegunAttempt, JOBS_CHANNEL, noteEnds } from "./job_store.ts";
import type { Claim, JobQueue } from "./queue.ts";
import { Running } from "./running.ts";
import { type AttemptRunner, refusal, settle } from "./settle.ts";

/** What a {@linkcode JobWorker} works with. */
export interface WorkerParts {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly ring: KeyRing;
  readonly runner: AttemptRunner;
  readonly options: WorkerOptions;
}

/** How a worker works. */
export interface WorkerOptions {
  /** Most jobs at once. */
  readonly concurrency: number;
  /** How often the queue is looked at without being told of anything, ms. Default 1,000. */
  readonly pollMs?: number;
  /** How often signs of life are given and missed ones looked for, ms. Default 1,000. */
  readonly beatMs?: number;
  /** A worker that gave no sign of life for so long loses its jobs, ms. Default 8,000. */
  readonly silentMs?: number;
  /** Told of what goes wrong. */
  onTrouble(what: string, error: unknown): void;
}

/** How often the ends are looked for that the queue brought about by itself, ms. */
const NOTE_ENDS_MS = 60_000;

/** A worker. */
export class JobWorker {
  /** Names it in the records of attempts. */
  readonly id: string = `worker-${crypto.randomUUID().slice(0, 8)}`;
  readonly #parts: WorkerParts;
  readonly #running = new Set<Running>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #silentMs: number;
  #subscription: Subscription | undefined;
  #claiming: Promise<void> | undefined;
  #again = false;
  #draining = false;
  #beating: Promise<void> | undefined;
  /** Since when the database has answered, milliseconds of `performance.now()`. */
  #heardSince: number | undefined;
  #endsNotedAt = -Infinity;

  private constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#silentMs = parts.options.silentMs ?? 8_000;
  }

  /** Starts a worker. */
  static async start(parts: WorkerParts): Promise<JobWorker> {
    const worker = new JobWorker(parts);
    const { database, queue, options } = parts;
    // The embedded database has one process at a time: whoever held a job before is gone.
    if (database.kind === "embedded") {
      await database.sql.transaction((tx) => queue.takeFromSilent(tx, -1_000));
    }
    worker.#subscription = await database.listen(
      JOBS_CHANNEL,
      (payload) => payload === "" ? worker.#wake() : worker.#cancel(payload),
      () => worker.#wake(),
    );
    worker.#timers.push(
      setInterval(() => worker.#wake(), options.pollMs ?? 1_000),
      setInterval(() => worker.#beat(), options.beatMs ?? 1_000),
    );
    return worker;
  }

  /** How many jobs run. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Takes no more jobs, waits at most `graceMs` for those under way, and hands the others back, so
   * that another worker begins them again.
   */
  async close(graceMs: number): Promise<void> {
    this.#draining = true;
    clearInterval(this.#timers[0]);
    await this.#claiming;
    const timer = setTimeout(() => {
      for (const running of this.#running) running.stop("handed_back");
    }, graceMs);
    await Promise.all([...this.#running].map(({ done }) => done));
    clearTimeout(timer);
    for (const each of this.#timers) clearInterval(each);
    await this.#beating;
    await this.#subscription?.close();
  }

  #wake(): void {
    this.#again = true;
    this.#claiming ??= this.#claimAll().finally(() => this.#claiming = undefined);
  }

  async #claimAll(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        const free = this.#parts.options.concurrency - this.#running.size;
        if (free > 0 && !this.#draining) await this.#claim(free);
      }
    } catch (error) {
      this.#parts.options.onTrouble("jobs not claimed", error);
    }
  }

  async #claim(count: number): Promise<void> {
    const { queue, database } = this.#parts;
    const claims = await queue.claim(count);
    if (claims.length === 0) return;
    const byId = new Map(claims.map((claim) => [claim.id, claim]));
    const claimed = claims.map(({ id, retryCount }) => ({ id, attempt: retryCount + 1 }));
    const begun = await beginAttempts(database.sql, claimed, this.id);
    for (const attempt of begun) {
      this.#begin(byId.get(attempt.order.id)!, attempt);
      byId.delete(attempt.order.id);
    }
    // Without a record there is nothing to run; left alone, it would come back for ever.
    for (const id of byId.keys()) await queue.cancel(database.sql, id);
    // There may be more where these came from.
    if (claims.length === count) this.#again = true;
  }

  #begin(claim: Claim, begun: BegunAttempt): void {
    const running = new Running(claim, (signal, self) => this.#run(claim, begun, signal, self));
    this.#running.add(running);
    running.done.then(() => {
      this.#running.delete(running);
      this.#wake();
    });
  }

  async #run(
    claim: Claim,
    { order, attempt, executionId }: BegunAttempt,
    signal: AbortSignal,
    running: Running,
  ): Promise<void> {
    const { runner, ring, queue, database, options } = this.#parts;
    const { sql } = database;
    const call = { ...order, attempt, executionId, signal };
    try {
      verifyOrder(ring, order);
      const end = await runner.run({ ...call, onProgress: running.progressTo(sql) });
      await settle({ sql, queue, claim, attempt, end, running });
    } catch (error) {
      options.onTrouble("job not settled", error);
      await settle({ sql, queue, claim, attempt, end: refusal(error), running })
        .catch((second) => options.onTrouble("job not settled", second));
    }
  }

  #cancel(id: string): void {
    for (const running of this.#running) if (running.claim.id === id) running.stop("cancelled");
  }

  #beat(): void {
    this.#beating ??= this.#beatOnce().catch((error) => {
      this.#heardSince = undefined;
      this.#parts.options.onTrouble("no sign of life given", error);
    }).finally(() => this.#beating = undefined);
  }

  async #beatOnce(): Promise<void> {
    const held = [...this.#running].filter(({ settling }) => !settling);
    if (held.length > 0) {
      const kept = await this.#parts.queue.touch(held.map(({ claim }) => claim));
      for (const running of held) {
        if (!kept.has(running.claim.id) && !running.settling) running.stop("lost");
      }
    }
    await this.#takeOver();
  }

  /**
   * Only who has heard from the database all the while may take another's silence for its end: when
   * the database comes back from an outage, everybody has been silent.
   */
  async #takeOver(): Promise<void> {
    const { database, queue } = this.#parts;
    const now = performance.now();
    if (this.#heardSince === undefined) {
      await database.sql`select 1`;
      this.#heardSince = now;
    }
    if (now - this.#heardSince < this.#silentMs) return;
    const taken = await database.sql.transaction((tx) => queue.takeFromSilent(tx, this.#silentMs));
    if (taken.length > 0) this.#wake();
    if (now - this.#endsNotedAt < NOTE_ENDS_MS) return;
    this.#endsNotedAt = now;
    await noteEnds(database.sql);
  }
}
