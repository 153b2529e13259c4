/**
 * Bodies and queries of requests about jobs.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../errors.ts";
import { JOB_STATUSES, type JobStatus } from "../jobs/job.ts";
import type { JobFilter } from "../jobs/job_list.ts";
import type { NewSchedule } from "../jobs/jobs.ts";
import type { SubmitInput } from "../jobs/submit.ts";
import { type Namespace, parseNamespace } from "../resolve/ref.ts";
import type { AppContext } from "./env.ts";
import { queryOnce } from "./secret_locator.ts";
import { parseTime } from "./time.ts";

const text = z.string({ error: "must be a string" }).nullish();
const number = z.number({ error: "must be a number" }).nullish();

/** The body of a submission. */
export const submitBody = z.object({
  job_name: text,
  namespace: text,
  payload: z.unknown().optional(),
  priority: number,
  scheduled_at: text,
  max_retries: number,
  retry_delay_seconds: number,
  on_behalf_of: z.unknown().optional(),
});

/** The body that sets a schedule. */
export const scheduleBody = z.object({
  cron: text,
  timezone: text,
  payload: z.unknown().optional(),
});

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DEFAULT_LIMIT = 100;
const MOST_JOBS = 1_000;

/** Reads a submission. @throws {AppError} With the rule that is broken. */
export function parseSubmission(body: z.infer<typeof submitBody>): SubmitInput {
  const { job_name: name, priority, max_retries: retries, retry_delay_seconds: delay } = body;
  if (!name) throw invalid("job_name is required");
  if (body.on_behalf_of != null) throw invalid("on_behalf_of is not supported");
  return {
    name: jobName(name),
    namespace: namespaceOf(body.namespace),
    payload: JSON.stringify(body.payload ?? null),
    ...(priority != null && { priority }),
    ...(body.scheduled_at && { scheduledAt: parseTime(body.scheduled_at, "scheduled_at") }),
    ...(retries != null && { retries }),
    ...(delay != null && { retryDelayS: delay }),
  };
}

/** Reads a schedule. @throws {AppError} With the rule that is broken. */
export function parseSchedule(c: AppContext, body: z.infer<typeof scheduleBody>): NewSchedule {
  if (!body.cron) throw invalid("cron is required");
  return {
    ...placeOf(c),
    cron: body.cron.trim().replace(/\s+/g, " "),
    timezone: body.timezone || "UTC",
    payload: JSON.stringify(body.payload ?? null),
  };
}

/** The job that path and query name. */
export function placeOf(c: AppContext): { name: string; namespace: Namespace | null } {
  return {
    name: jobName(c.req.param("name") ?? ""),
    namespace: namespaceOf(queryOnce(c, "namespace")),
  };
}

/** The id in the path. @throws {AppError} INVALID_INPUT when it is none. */
export function idOf(c: AppContext): string {
  const id = c.req.param("id") ?? "";
  if (UUID.test(id)) return id.toLowerCase();
  throw invalid("Invalid job ID");
}

/** Reads what is to be listed. @throws {AppError} INVALID_INPUT with the rule that is broken. */
export function parseFilter(c: AppContext): JobFilter {
  const name = queryOnce(c, "job_name") || undefined;
  const namespace = queryOnce(c, "namespace") || undefined;
  const status = queryOnce(c, "status") || undefined;
  const cursor = queryOnce(c, "cursor");
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace: parseNamespace(namespace) }),
    ...(status !== undefined && { status: parseStatus(status) }),
    dead: flag("dead", queryOnce(c, "dead")),
    ...(cursor !== undefined && { after: parseCursor(cursor) }),
    limit: parseLimit(queryOnce(c, "limit"), DEFAULT_LIMIT),
  };
}

/**
 * Which lines of a log are asked for.
 *
 * @throws {AppError} INVALID_INPUT
 */
export function parseLines(c: AppContext): { after: number; limit: number } {
  const after = Number(queryOnce(c, "after_line") ?? 0);
  if (!Number.isSafeInteger(after) || after < 0) {
    throw invalid("after_line must be a line's number");
  }
  return { after, limit: parseLimit(queryOnce(c, "limit"), MOST_JOBS) };
}

/** Writes a cursor; opaque to clients. */
export function formatCursor(last: NonNullable<JobFilter["after"]>): string {
  return btoa(JSON.stringify([last.createdAt.getTime(), last.id]));
}

function parseCursor(text: string): NonNullable<JobFilter["after"]> {
  try {
    const [time, id] = JSON.parse(atob(text)) as [unknown, unknown];
    const createdAt = new Date(time as number);
    if (typeof time !== "number" || typeof id !== "string" || !UUID.test(id)) throw new TypeError();
    createdAt.toISOString();
    return { createdAt, id };
  } catch {
    throw invalid("cursor must come from the page before");
  }
}

function parseStatus(text: string): JobStatus {
  const found = JOB_STATUSES.find((status) => status === text);
  if (found === undefined) throw invalid(`status must be one of: ${JOB_STATUSES.join(", ")}`);
  return found;
}

function flag(name: string, text: string | undefined): boolean {
  if (text === undefined || text === "" || text === "false") return false;
  if (text === "true") return true;
  throw invalid(`${name} must be true or false`);
}

function parseLimit(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST_JOBS) return limit;
  throw invalid(`limit must be 1 to ${MOST_JOBS}`);
}

function namespaceOf(text: string | null | undefined): Namespace | null {
  return text ? parseNamespace(text) : null;
}

function jobName(text: string): string {
  if (NAME.test(text)) return text;
  throw invalid(
    "job_name must be 1 to 63 of A-Z a-z 0-9 _ - and begin with a letter or digit",
  );
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
