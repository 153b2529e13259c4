/**
 * What a job is: what was asked for, and how far it has come.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { UserId } from "../resolve/setting_ref.ts";

/** Where a job stands. */
export type JobStatus = "pending" | "running" | "completed" | "failed" | "cancelled";

/** Every status. */
export const JOB_STATUSES: readonly JobStatus[] = [
  "pending",
  "running",
  "completed",
  "failed",
  "cancelled",
];

/** What was asked for; authenticated, since it decides what is run. */
export interface JobOrder {
  readonly id: string;
  readonly name: string;
  readonly namespace: Namespace | null;
  /** JSON. */
  readonly payload: string;
  /** Jobs with a higher one are run first. */
  readonly priority: number;
  /** Id of the principal that submitted it; null for nobody in particular. */
  readonly principal: string | null;
  readonly requestId: string;
  readonly createdAt: Date;
  /** Not to be run before; null for at once. */
  readonly scheduledAt: Date | null;
  /** How often it is tried again after a failure. */
  readonly retries: number;
  /** Seconds before the first retry; doubled for each further one, with some chance in it. */
  readonly retryDelayS: number;
  /** The job that this one repeats. */
  readonly retryOf: string | null;
  /** Whose settings it may read; null for nobody's. */
  readonly userId: UserId | null;
}

/** An order with the MAC of its row. */
export interface SignedOrder extends JobOrder {
  readonly mac: Uint8Array;
}

/** One attempt at a job. Everything here is masked. */
export interface Attempt {
  readonly attempt: number;
  readonly executionId: string;
  readonly worker: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** How it ended; null while it runs. */
  readonly outcome: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
  readonly codeHash: string | null;
  /** Names, scopes and versions of the secrets that it was given. */
  readonly secrets: readonly unknown[] | null;
}

/** A job as it is shown. */
export interface Job extends JobOrder {
  readonly status: JobStatus;
  /** How often it was begun. */
  readonly attempts: number;
  readonly startedAt: Date | null;
  readonly worker: string | null;
  readonly progress: {
    readonly percent: number;
    readonly message: string | null;
    readonly at: Date;
  } | null;
  /** JSON, masked. */
  readonly result: string | null;
  readonly error: string | null;
  readonly errorCode: string | null;
  readonly finishedAt: Date | null;
  readonly retriedAs: string | null;
  /** When a job that waits may be run. */
  readonly dueAt: Date | null;
}

/** A job as it is stored. */
export type StoredJob = Job & SignedOrder;

/** Whether a job has failed for good and nothing has come of it. */
export function isDead(job: Pick<Job, "status" | "retriedAs">): boolean {
  return job.status === "failed" && job.retriedAs === null;
}

/** Authenticates an order. */
export function signOrder(ring: KeyRing, order: JobOrder): SignedOrder {
  return { ...order, mac: ring.mac("row", message(order)) };
}

/**
 * Lets an order through if it is as a server wrote it.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when it isn't.
 */
export function verifyOrder(ring: KeyRing, order: SignedOrder): SignedOrder {
  if (isAuthentic(ring, () => message(order), order.mac)) return order;
  throw new AppError("INTEGRITY_VIOLATION", `Row of job ${order.id} is not as it was written`);
}

function message(order: JobOrder): Uint8Array {
  return canonical("fluxbase/row/jobs/v1", [
    order.id,
    order.name,
    order.namespace,
    order.payload,
    order.priority,
    order.principal,
    order.requestId,
    order.createdAt,
    order.scheduledAt,
    order.retries,
    order.retryDelayS,
    order.retryOf,
    order.userId,
  ]);
}
