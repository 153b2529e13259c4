/**
 * Notes how an attempt ended: in the queue and in the job's record, both or neither.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { JobCall, JobEnd } from "../runtime/job_runner.ts";
import type { Sql } from "../store/sql.ts";
import { endAttempt, type EndedAttempt, endJob } from "./job_store.ts";
import { type Claim, isLast, type JobQueue } from "./queue.ts";
import type { Running } from "./running.ts";

/** Makes one attempt at a job; the runtime's runner of jobs. */
export interface AttemptRunner {
  run(call: JobCall): Promise<JobEnd>;
}

/** An attempt that has ended. */
export interface Ended {
  readonly sql: Sql;
  readonly queue: JobQueue;
  readonly claim: Claim;
  readonly attempt: number;
  readonly end: JobEnd;
  readonly running: Running;
}

/** Not the job's fault, and over soon: it goes back in line, and no retry is spent. */
const PASSING: ReadonlySet<ErrorCode | null> = new Set<ErrorCode>([
  "FUNCTION_BUSY",
  "SHUTTING_DOWN",
  "STORE_UNAVAILABLE",
]);
const PASSING_MS = 2_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** The end of an attempt that could not be made. */
export function refusal(error: unknown): JobEnd {
  const known = error instanceof AppError
    ? error
    : new AppError("INTERNAL_ERROR", "The job could not be run");
  const { message, code } = known;
  return { outcome: "refused", result: null, error: message, code, codeHash: null, secrets: [] };
}

/**
 * Notes the end of an attempt, and waits for the database as long as that takes: what a job has done
 * is not done again because the database was away.
 */
export async function settle(ended: Ended): Promise<void> {
  const { sql, running } = ended;
  running.settling = true;
  await running.flush(sql);
  for (let pause = FIRST_PAUSE_MS;; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await sql.transaction((tx) => note(tx, ended));
    } catch (error) {
      const away = error instanceof AppError && error.code === "STORE_UNAVAILABLE";
      if (!away || running.cause === "handed_back") throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function note(tx: Sql, ended: Ended): Promise<void> {
  const { queue, claim, end, running } = ended;
  if (end.outcome === "completed") {
    if (await queue.complete(tx, claim)) return await endJob(tx, recordOf(ended), "completed");
  } else if (running.cause === "handed_back") {
    await queue.handBack(tx, claim, 0);
    return await endAttempt(tx, { ...recordOf(ended), ...HANDED_BACK });
  } else if (running.cause === undefined && PASSING.has(end.code)) {
    await queue.handBack(tx, claim, PASSING_MS);
  } else if (running.cause === undefined && await queue.fail(tx, claim)) {
    if (isLast(claim)) return await endJob(tx, recordOf(ended), "failed");
  }
  // From here on the job goes on without this attempt.
  await endAttempt(tx, recordOf(ended));
}

const HANDED_BACK = {
  outcome: "handed_back",
  error: "The worker was shut down",
  errorCode: null,
} as const;

function recordOf({ claim, attempt, end }: Ended): EndedAttempt {
  const { code, ...rest } = end;
  return { ...rest, errorCode: code, jobId: claim.id, attempt };
}
