/**
 * pg-boss, set up for one queue of jobs and one of schedules that have come due.
 *
 * @module
 */
import "@opentelemetry/api";
import { type Clock, PgBoss } from "pg-boss";
import type { Database } from "../store/sql.ts";
import { bossDatabase } from "./boss_database.ts";

/** The queue of jobs. */
export const JOBS = "fluxbase_jobs";
/** The queue of schedules that have come due. */
export const DUE = "fluxbase_due";

/** Options of {@linkcode openBoss}. */
export interface BossOptions {
  /** Whether this process looks after the queue and fires schedules. */
  readonly work: boolean;
  /** The source of time, for tests of schedules. */
  readonly clock?: Clock;
  /** Told of what goes wrong behind the scenes. */
  onTrouble(error: unknown): void;
}

const DAY_S = 24 * 60 * 60;
/** A job waits as long as it must; pg-boss would forget it after 14 days. */
const WAIT_S = 3_650 * DAY_S;
/** What the queue keeps of a job that has ended; our own record stays. */
const KEEP_S = 60 * 60;
/** Behind our own heartbeats and limits, pg-boss gives a run up after this long. */
const EXPIRE_S = 23 * 60 * 60;

/** Starts pg-boss; makes its tables and queues where they are missing. */
export async function openBoss(database: Database, options: BossOptions): Promise<PgBoss> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    ...(database.kind === "embedded" && { backend: "pglite" as const }),
    ...(options.clock && { clock: options.clock }),
    supervise: options.work,
    schedule: options.work,
    cronWorkerIntervalSeconds: 1,
    registerInstance: false,
    openTelemetry: { enabled: false },
    reindex: false,
    monitorVacuum: false,
    bamIntervalSeconds: 10 * 60,
    flowIntervalSeconds: DAY_S,
  });
  boss.on("error", options.onTrouble);
  await boss.start();
  const common = { retentionSeconds: WAIT_S, deleteAfterSeconds: KEEP_S };
  await boss.createQueue(JOBS, { ...common, expireInSeconds: EXPIRE_S });
  await boss.createQueue(DUE, { ...common, retryLimit: 10, retryDelay: 5, retryBackoff: true });
  return boss;
}
