/**
 * Jobs as the API returns them, and how a line tells of one.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";

/** A job. */
export interface JobInfo {
  readonly id: string;
  readonly job_name: string;
  readonly namespace: string | null;
  readonly status: "pending" | "running" | "completed" | "failed" | "cancelled";
  readonly priority: number;
  readonly attempts: number;
  readonly max_retries: number;
  readonly error: string | null;
  readonly progress_percent: number | null;
  readonly progress_message: string | null;
  readonly created_at: string;
  readonly due_at: string | null;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly worker_id: string | null;
  readonly retry_of: string | null;
  readonly retried_as: string | null;
  /** JSON; only of a job that was asked for by itself. */
  readonly payload?: string;
  readonly result?: string | null;
  readonly attempt_list?: readonly AttemptInfo[];
}

/** An attempt at a job. */
export interface AttemptInfo {
  readonly attempt: number;
  readonly outcome: string | null;
  readonly error: string | null;
  readonly worker_id: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly secrets: readonly { name: string; version: number | null }[] | null;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The path of a job. @throws {CliError} Exit 2 when the id is none. */
export function jobPath(id: string): string {
  if (!UUID.test(id)) throw usageError("ID must be a job's id, as `jobs submit` prints it");
  return `/api/v1/jobs/${id.toLowerCase()}`;
}

/** A job by its id. */
export function findJob(client: Client, id: string): Promise<JobInfo> {
  return client.json<JobInfo>("GET", jobPath(id));
}

/** Whether a job goes no further. */
export function hasEnded({ status }: JobInfo): boolean {
  return status !== "pending" && status !== "running";
}

/** How far a job has come, in one line. */
export function progressText(job: JobInfo): string {
  const attempt = job.attempts > 1 ? ` (attempt ${job.attempts})` : "";
  if (job.progress_percent === null) return `${job.status}${attempt}`;
  const filled = Math.round(job.progress_percent / 5);
  const bar = "#".repeat(filled).padEnd(20, ".");
  const message = job.progress_message === null ? "" : ` ${job.progress_message}`;
  return `${job.status}${attempt} [${bar}] ${Math.round(job.progress_percent)} %${message}`;
}

/** Leaves out what could steer a terminal: a job prints what it likes. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t]|\p{Cf}/gu, "");
}
