/**
 * The record of jobs: written when they are submitted, begun and ended.
 *
 * @module
 */
import type { ValueSource } from "../resolve/injection.ts";
import type { Row, Sql } from "../store/sql.ts";
import type { Attempt, SignedOrder, StoredJob } from "./job.ts";
import { attemptOf, JOB_TABLES, jobColumns, jobOf, ORDER_COLUMNS, orderOf } from "./job_rows.ts";

/**
 * The channel between those who submit and those who work: empty for "there is work", else the id
 * of a job that was cancelled.
 */
export const JOBS_CHANNEL = "fluxbase_jobs";

/** A claimed job that is about to be run. */
export interface BegunAttempt {
  readonly order: SignedOrder;
  readonly attempt: number;
  readonly executionId: string;
}

/** How an attempt ended, ready to be stored. All text is masked. */
export interface EndedAttempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly outcome: string;
  readonly result: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
  readonly codeHash: string | null;
  readonly secrets: readonly ValueSource[];
}

/** Inserts an order; false when there is one of this id already. */
export async function insertOrder(tx: Sql, order: SignedOrder): Promise<boolean> {
  const rows = await tx`
    insert into functions.jobs (id, name, namespace, payload, priority, principal, request_id,
      created_at, scheduled_at, retries, retry_delay_s, retry_of, user_id, mac)
    values (${order.id}, ${order.name}, ${order.namespace}, ${order.payload}, ${order.priority},
      ${order.principal}, ${order.requestId}, ${order.createdAt}, ${order.scheduledAt},
      ${order.retries}, ${order.retryDelayS}, ${order.retryOf}, ${order.userId}, ${order.mac})
    on conflict (id) do nothing
    returning pg_notify(${JOBS_CHANNEL}, '') is null as told`;
  return rows.length === 1;
}

/** Notes the beginning of attempts, and returns their orders. */
export async function beginAttempts(
  sql: Sql,
  claimed: readonly { readonly id: string; readonly attempt: number }[],
  worker: string,
): Promise<BegunAttempt[]> {
  const begun = claimed.map(({ id, attempt }) => ({
    id,
    attempt,
    execution: crypto.randomUUID(),
  }));
  const rows = await sql.query(
    `with claimed as (
       select * from jsonb_to_recordset($1::jsonb) as c (id uuid, attempt int, execution uuid)
     ), noted as (
       insert into functions.job_attempts (job_id, attempt, execution_id, worker, started_at)
       select c.id, c.attempt, c.execution, $2, $3::timestamptz
       from claimed c join functions.jobs j on j.id = c.id
       on conflict (job_id, attempt) do update set execution_id = excluded.execution_id,
         worker = excluded.worker, started_at = excluded.started_at
     )
     select ${ORDER_COLUMNS}, c.attempt, c.execution
     from claimed c join functions.jobs j on j.id = c.id`,
    [JSON.stringify(begun), worker, new Date()],
  );
  return rows.map((row) => ({
    order: orderOf(row),
    attempt: row.attempt as number,
    executionId: row.execution as string,
  }));
}

/** Notes the end of an attempt that doesn't end its job; what was noted before stands. */
export async function endAttempt(tx: Sql, end: EndedAttempt): Promise<void> {
  await tx`
    update functions.job_attempts set finished_at = ${new Date()}, outcome = ${end.outcome},
      error = ${end.error}, error_code = ${end.errorCode}, code_hash = ${end.codeHash},
      secrets = ${JSON.stringify(end.secrets)}::jsonb
    where job_id = ${end.jobId} and attempt = ${end.attempt} and outcome is null`;
}

/** Notes the end of an attempt and of its job. */
export async function endJob(
  tx: Sql,
  end: EndedAttempt,
  outcome: "completed" | "failed",
): Promise<void> {
  const now = new Date();
  await tx`
    with attempt as (
      update functions.job_attempts set finished_at = ${now}, outcome = ${end.outcome},
        error = ${end.error}, error_code = ${end.errorCode}, code_hash = ${end.codeHash},
        secrets = ${JSON.stringify(end.secrets)}::jsonb
      where job_id = ${end.jobId} and attempt = ${end.attempt}
    )
    update functions.jobs set outcome = ${outcome}, finished_at = ${now}, result = ${end.result},
      error = ${end.error}, error_code = ${end.errorCode}
    where id = ${end.jobId} and outcome is null`;
}

/** Notes that a job was cancelled, and tells its worker. */
export async function endCancelled(tx: Sql, id: string): Promise<void> {
  await tx`
    update functions.jobs set outcome = 'cancelled', finished_at = ${new Date()},
      error = 'The job was cancelled'
    where id = ${id} and outcome is null
    returning pg_notify(${JOBS_CHANNEL}, id::text) is null as told`;
}

/** Notes how far a job has come. */
export async function noteProgress(
  sql: Sql,
  id: string,
  progress: { readonly percent: number; readonly message: string | null },
): Promise<void> {
  await sql`
    update functions.jobs set progress_percent = ${progress.percent},
      progress_message = ${progress.message}, progress_at = ${new Date()}
    where id = ${id} and outcome is null`;
}

/** Notes that a job was submitted again. */
export async function noteRetried(tx: Sql, id: string, as: string): Promise<void> {
  await tx`update functions.jobs set retried_as = ${as} where id = ${id}`;
}

/** A job, or nothing. */
export async function findJob(sql: Sql, id: string): Promise<StoredJob | undefined> {
  const columns = jobColumns({ bodies: true });
  const rows = await sql.query(`select ${columns} from ${JOB_TABLES} where j.id = $1::uuid`, [id]);
  return rows[0] && jobOf(rows[0]);
}

/** Every attempt at a job, oldest first. */
export async function findAttempts(sql: Sql, id: string): Promise<Attempt[]> {
  const rows = await sql`
    select attempt, execution_id, worker, started_at, finished_at, outcome, error, error_code,
      code_hash, secrets
    from functions.job_attempts where job_id = ${id} order by attempt`;
  return rows.map(attemptOf);
}

/** A line that an attempt printed; masked. */
export interface JobLine extends Row {
  readonly id: number;
  readonly execution_id: string;
  readonly attempt: number;
  readonly logged_at: Date;
  readonly level: string;
  readonly message: string;
}

/** What the attempts at a job printed, oldest first. */
export function findLines(
  sql: Sql,
  id: string,
  { after, limit }: { after: number; limit: number },
): Promise<JobLine[]> {
  return sql<JobLine>`
    select l.id, l.execution_id, a.attempt, l.logged_at, l.level, l.message
    from functions.job_attempts a join functions.execution_logs l
      on l.execution_id = a.execution_id
    where a.job_id = ${id} and l.id > ${after} and l.source = 'output'
    order by l.id limit ${limit}`;
}

/** Notes the end of jobs that the queue ended by itself; returns how many. */
export async function noteEnds(sql: Sql): Promise<number> {
  const rows = await sql`
    update functions.jobs j set outcome = b.state::text, finished_at = b.completed_on,
      error = coalesce(j.error, (select a.error from functions.job_attempts a
        where a.job_id = j.id order by a.attempt desc limit 1))
    from pgboss.job b
    where j.outcome is null and b.name = 'fluxbase_jobs' and b.id = j.id
      and b.state in ('completed', 'failed', 'cancelled')
    returning 1`;
  return rows.length;
}

/** Deletes jobs that ended before `before`, at most `batch`; returns how many. */
export async function purgeJobs(sql: Sql, before: Date, batch = 5_000): Promise<number> {
  const rows = await sql`
    delete from functions.jobs where id in (select id from functions.jobs
      where outcome is not null and finished_at < ${before} limit ${batch})
    returning 1`;
  return rows.length;
}
