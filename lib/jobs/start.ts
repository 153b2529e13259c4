/**
 * Puts jobs together: the queue, the service and, where this process works, a worker.
 *
 * @module
 */
import type { Clock, PgBoss } from "pg-boss";
import type { KeyRing } from "../crypto/keyring.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Database } from "../store/sql.ts";
import { DUE, openBoss } from "./boss.ts";
import { purgeJobs } from "./job_store.ts";
import { Jobs } from "./jobs.ts";
import { type JobCatalogue, KnownJobs } from "./known_jobs.ts";
import { JobQueue } from "./queue.ts";
import { JobSchedules } from "./schedules.ts";
import type { AttemptRunner } from "./settle.ts";
import { errorOf, sparingly, type TellTrouble } from "./troubles.ts";
import { JobWorker, type WorkerOptions } from "./worker.ts";

/** Options of {@linkcode startJobs}. */
export interface JobsOptions {
  readonly database: Database;
  readonly ring: KeyRing;
  /** Which schedules there are. */
  readonly set: RowSetStore;
  readonly catalogue: JobCatalogue;
  /** Left out: this process takes submissions and runs nothing. */
  readonly worker?: Omit<WorkerOptions, "onTrouble"> & { readonly runner: AttemptRunner };
  /** The source of time of schedules, for tests. */
  readonly clock?: Clock;
  /** Told of what goes wrong behind the scenes, sparingly. */
  readonly onTrouble: TellTrouble;
}

/** Jobs under way. */
export interface JobsRoom {
  readonly jobs: Jobs;
  /** Null where this process runs nothing. */
  readonly worker: JobWorker | null;
  readonly schedules: JobSchedules;
  /** Resolves when the queue can be read. @throws {AppError} STORE_UNAVAILABLE. */
  check(): Promise<void>;
  /** Deletes jobs that ended before `before`, a bounded number at once; returns how many. */
  purge(before: Date): Promise<number>;
  /**
   * Takes no more jobs, waits at most `graceMs` for those under way, and hands back the others. A
   * second call waits for the first one.
   */
  close(graceMs: number): Promise<void>;
}

/** Starts jobs. */
export async function startJobs(options: JobsOptions): Promise<JobsRoom> {
  const { database, ring, set, catalogue } = options;
  const { sql } = database;
  const onTrouble = sparingly(options.onTrouble);
  const boss = await openBoss(database, {
    work: options.worker !== undefined,
    ...(options.clock && { clock: options.clock }),
    onTrouble: (error) => onTrouble("queue", errorOf(error)),
  });
  const queue = new JobQueue(boss);
  const schedules = new JobSchedules({ sql, boss, ring, set });
  const jobs = new Jobs({ sql, ring, queue, schedules, known: new KnownJobs(catalogue) });
  let worker: JobWorker | null = null;
  try {
    if (options.worker !== undefined) {
      const { runner, ...rest } = options.worker;
      const work = { ...rest, onTrouble };
      worker = await JobWorker.start({ database, queue, ring, runner, options: work });
      await followSchedules(boss, jobs);
    }
  } catch (error) {
    await boss.stop({ graceful: false });
    throw error;
  }
  const close = async (graceMs: number) => {
    await boss.offWork(DUE);
    await worker?.close(graceMs);
    await boss.stop({ graceful: false });
  };
  let closing: Promise<void> | undefined;
  return {
    jobs,
    worker,
    schedules,
    check: async () => void await sql`select version from pgboss.version`,
    purge: (before) => purgeJobs(sql, before),
    close: (graceMs) => closing ??= close(graceMs),
  };
}

/** Submits what has come due. An occurrence that is seen twice is submitted once. */
async function followSchedules(boss: PgBoss, jobs: Jobs): Promise<void> {
  const options = { pollingIntervalSeconds: 1, batchSize: 20 };
  await boss.work<{ key: string }>(DUE, options, async (due) => {
    for (const { id, data } of due) await jobs.submitDue(data.key, id);
  });
}
