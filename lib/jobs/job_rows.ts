/**
 * Rows of jobs: what is stored, and what a job looks like beside the queue's own row.
 *
 * @module
 */
import type { Namespace } from "../resolve/ref.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import type { Row } from "../store/sql.ts";
import type { Attempt, JobStatus, SignedOrder, StoredJob } from "./job.ts";

/** The columns of an order. */
export const ORDER_COLUMNS = `j.id, j.name, j.namespace, j.payload, j.priority, j.principal,
  j.request_id, j.created_at, j.scheduled_at, j.retries, j.retry_delay_s, j.retry_of,
  j.user_id, j.mac`;

/** Where a job stands: its own record once it has ended, else the queue's. */
export const STATUS = `case when j.outcome is not null then j.outcome
  when b.state in ('created', 'retry') then 'pending'
  when b.state = 'active' then 'running'
  else coalesce(b.state::text, 'failed') end`;

/** The columns of a job; `payload` and `result` may be left out, since they can be large. */
export function jobColumns(options: { bodies: boolean }): string {
  const order = options.bodies
    ? ORDER_COLUMNS
    : ORDER_COLUMNS.replace("j.payload", "'' as payload");
  return `${order}, ${STATUS} as status,
    coalesce(a.attempt, 0) as attempts, a.started_at, a.worker,
    j.progress_percent, j.progress_message, j.progress_at,
    ${options.bodies ? "j.result" : "null as result"}, coalesce(j.error, a.error) as error,
    coalesce(j.error_code, a.error_code) as error_code, j.finished_at, j.retried_as,
    case when b.state in ('created', 'retry') then b.start_after end as due_at`;
}

/** Joins a job with the queue's row and its last attempt. */
export const JOB_TABLES = `functions.jobs j
  left join pgboss.job b on b.name = 'fluxbase_jobs' and b.id = j.id
  left join lateral (select * from functions.job_attempts t where t.job_id = j.id
    order by t.attempt desc limit 1) a on true`;

/** Reads an order. */
export function orderOf(row: Row): SignedOrder {
  return {
    id: row.id as string,
    name: row.name as string,
    namespace: row.namespace as Namespace | null,
    payload: row.payload as string,
    priority: row.priority as number,
    principal: row.principal as string | null,
    requestId: row.request_id as string,
    createdAt: row.created_at as Date,
    scheduledAt: row.scheduled_at as Date | null,
    retries: row.retries as number,
    retryDelayS: row.retry_delay_s as number,
    retryOf: row.retry_of as string | null,
    userId: row.user_id as UserId | null,
    mac: row.mac as Uint8Array,
  };
}

/** Reads a job. */
export function jobOf(row: Row): StoredJob {
  const percent = row.progress_percent as number | null;
  return {
    ...orderOf(row),
    status: row.status as JobStatus,
    attempts: row.attempts as number,
    startedAt: row.started_at as Date | null,
    worker: row.worker as string | null,
    progress: percent === null ? null : {
      percent,
      message: row.progress_message as string | null,
      at: row.progress_at as Date,
    },
    result: row.result as string | null,
    error: row.error as string | null,
    errorCode: row.error_code as string | null,
    finishedAt: row.finished_at as Date | null,
    retriedAs: row.retried_as as string | null,
    dueAt: row.due_at as Date | null,
  };
}

/** Reads an attempt. */
export function attemptOf(row: Row): Attempt {
  return {
    attempt: row.attempt as number,
    executionId: row.execution_id as string,
    worker: row.worker as string,
    startedAt: row.started_at as Date,
    finishedAt: row.finished_at as Date | null,
    outcome: row.outcome as string | null,
    error: row.error as string | null,
    errorCode: row.error_code as string | null,
    codeHash: row.code_hash as string | null,
    secrets: row.secrets as readonly unknown[] | null,
  };
}
