/**
 * What may be submitted, and how it becomes an order.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { canonical } from "../crypto/canonical.ts";
import { AppError } from "../errors.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import type { Job, JobOrder } from "./job.ts";

/** A job to be submitted. */
export interface SubmitInput {
  readonly name: string;
  readonly namespace: Namespace | null;
  /** JSON. */
  readonly payload: string;
  /** −1,000 to 1,000; jobs with a higher one are run first. Default 0. */
  readonly priority?: number;
  /** Not to be run before. Default: at once. */
  readonly scheduledAt?: Date | null;
  /** How often it is tried again after a failure, 0 to 20. Default 3. */
  readonly retries?: number;
  /** Seconds before the first retry, 0 to 86,400; 0 for no pause before any. Default 5. */
  readonly retryDelayS?: number;
}

/** Who submits, and under which request. */
export interface Submission {
  readonly principal: string | null;
  readonly requestId: string;
  /** The same key of the same principal submits once. */
  readonly idempotencyKey?: string;
  readonly retryOf?: string;
  /** Whose settings the job may read. */
  readonly userId?: UserId | undefined;
}

/** The longest payload, in characters of JSON. */
export const MOST_PAYLOAD = 512 * 1024;
const FAR_MS = 366 * 24 * 60 * 60 * 1_000;
const DEFAULTS = { priority: 0, retries: 3, retryDelayS: 5 };

/**
 * Makes an order.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken; PAYLOAD_TOO_LARGE.
 */
export function orderOf(input: SubmitInput, submission: Submission, now: Date): JobOrder {
  const { principal, idempotencyKey: key } = submission;
  if (input.payload.length > MOST_PAYLOAD) {
    throw new AppError("PAYLOAD_TOO_LARGE", `payload must be at most ${MOST_PAYLOAD} characters`);
  }
  return {
    id: key === undefined ? crypto.randomUUID() : idOf(principal, key),
    name: input.name,
    namespace: input.namespace,
    payload: input.payload,
    priority: whole("priority", input.priority ?? DEFAULTS.priority, -1_000, 1_000),
    principal,
    requestId: submission.requestId,
    createdAt: now,
    scheduledAt: input.scheduledAt == null ? null : near(input.scheduledAt, now),
    retries: whole("retries", input.retries ?? DEFAULTS.retries, 0, 20),
    retryDelayS: whole("retry_delay", input.retryDelayS ?? DEFAULTS.retryDelayS, 0, 86_400),
    retryOf: submission.retryOf ?? null,
    userId: submission.userId ?? null,
  };
}

/** Whether two orders ask for the same. */
export function asksTheSame(a: JobOrder, b: JobOrder): boolean {
  const asked = (order: JobOrder) =>
    JSON.stringify([
      order.name,
      order.namespace,
      order.payload,
      order.priority,
      order.scheduledAt,
      order.retries,
      order.retryDelayS,
      order.retryOf,
      order.userId,
    ]);
  return asked(a) === asked(b);
}

/** A job that has just been submitted. */
export function pendingJob(order: JobOrder): Job {
  return {
    ...order,
    status: "pending",
    attempts: 0,
    startedAt: null,
    worker: null,
    progress: null,
    result: null,
    error: null,
    errorCode: null,
    finishedAt: null,
    retriedAs: null,
    dueAt: order.scheduledAt ?? order.createdAt,
  };
}

/** An id that a key stands for (RFC 9562 §5.8, version 8). */
function idOf(principal: string | null, key: string): string {
  const hash = createHash("sha256").update(canonical("fluxbase/job-id/v1", [principal, key]));
  const bytes = new Uint8Array(hash.digest().subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function whole(field: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new AppError("INVALID_INPUT", `${field} must be a whole number from ${min} to ${max}`);
}

function near(time: Date, now: Date): Date {
  if (time.getTime() - now.getTime() <= FAR_MS) return time;
  throw new AppError("INVALID_INPUT", "scheduled_at must be within a year");
}
