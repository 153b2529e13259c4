/**
 * Jobs as clients see them. Payload, result and progress are JSON in a string, as Fluxbase's own
 * clients expect them.
 *
 * @module
 */
import { type Attempt, isDead, type Job } from "../jobs/job.ts";
import type { JobStats } from "../jobs/job_list.ts";
import type { JobLine } from "../jobs/job_store.ts";
import type { ShownSchedule } from "../jobs/jobs.ts";

/** A job in a list: without payload and result. */
export function jobSummaryJson(job: Job): Record<string, unknown> {
  const { progress } = job;
  return {
    id: job.id,
    job_name: job.name,
    namespace: job.namespace,
    status: job.status,
    priority: job.priority,
    max_retries: job.retries,
    attempts: job.attempts,
    retry_count: Math.max(0, job.attempts - 1),
    error: job.error,
    error_code: job.errorCode,
    dead: isDead(job),
    progress: progress && JSON.stringify({ percent: progress.percent, message: progress.message }),
    progress_percent: progress?.percent ?? null,
    progress_message: progress?.message ?? null,
    last_progress_at: progress?.at ?? null,
    worker_id: job.worker,
    created_by: job.principal,
    request_id: job.requestId,
    created_at: job.createdAt,
    scheduled_at: job.scheduledAt,
    due_at: job.dueAt,
    started_at: job.startedAt,
    completed_at: job.finishedAt,
    retry_of: job.retryOf,
    retried_as: job.retriedAs,
  };
}

/** A job with what was asked for and what came of it. */
export function jobJson(job: Job, attempts: readonly Attempt[] = []): Record<string, unknown> {
  return {
    ...jobSummaryJson(job),
    payload: job.payload,
    result: job.result,
    execution_id: attempts.at(-1)?.executionId ?? null,
    secrets: attempts.at(-1)?.secrets ?? null,
    attempt_list: attempts.map(attemptJson),
  };
}

function attemptJson(attempt: Attempt): Record<string, unknown> {
  return {
    attempt: attempt.attempt,
    execution_id: attempt.executionId,
    worker_id: attempt.worker,
    outcome: attempt.outcome,
    error: attempt.error,
    error_code: attempt.errorCode,
    code_hash: attempt.codeHash,
    secrets: attempt.secrets,
    started_at: attempt.startedAt,
    finished_at: attempt.finishedAt,
  };
}

/** A line that a job printed. */
export function jobLineJson(line: JobLine): Record<string, unknown> {
  return {
    id: line.id,
    line_number: line.id,
    timestamp: line.logged_at,
    level: line.level,
    message: line.message,
    attempt: line.attempt,
    execution_id: line.execution_id,
    execution_type: "job",
  };
}

/** Counts of jobs. */
export function jobStatsJson(stats: JobStats): Record<string, unknown> {
  const { oldestPendingSeconds, ...counts } = stats;
  const total = stats.pending + stats.running + stats.completed + stats.failed + stats.cancelled;
  return { total, ...counts, oldest_pending_seconds: oldestPendingSeconds };
}

/** A schedule. */
export function scheduleJson(schedule: ShownSchedule): Record<string, unknown> {
  return {
    job_name: schedule.name,
    namespace: schedule.namespace,
    cron: schedule.cron,
    timezone: schedule.timezone,
    payload: schedule.payload,
    next_at: schedule.nextAt,
    created_by: schedule.principal,
    created_at: schedule.createdAt,
    updated_at: schedule.updatedAt,
  };
}
