/**
 * The service of jobs: who may submit, see and stop what.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { type Action, can, type Principal, sees, visibility } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { Sql } from "../store/sql.ts";
import {
  type Attempt,
  type Job,
  type JobOrder,
  signOrder,
  type StoredJob,
  verifyOrder,
} from "./job.ts";
import { countJobs, type JobFilter, type JobStats, listJobs } from "./job_list.ts";
import {
  endCancelled,
  findAttempts,
  findJob,
  findLines,
  insertOrder,
  type JobLine,
  noteRetried,
} from "./job_store.ts";
import { type JobPlace, KnownJobs } from "./known_jobs.ts";
import type { JobQueue } from "./queue.ts";
import type { JobSchedules, Schedule } from "./schedules.ts";
import { asksTheSame, orderOf, pendingJob, type Submission, type SubmitInput } from "./submit.ts";

/** What {@linkcode Jobs} works with. */
export interface JobsParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly queue: JobQueue;
  readonly schedules: JobSchedules;
  readonly known: KnownJobs;
}

/** How a request asks. */
export type Request = Pick<Submission, "requestId" | "idempotencyKey" | "userId">;

/** A submitted job. */
export interface Submitted {
  readonly job: Job;
  /** Whether the same request had submitted it before. */
  readonly replayed: boolean;
}

/** A schedule to be set. */
export type NewSchedule = Pick<Schedule, "name" | "namespace" | "cron" | "timezone" | "payload">;

/** A schedule as it is shown. */
export interface ShownSchedule extends Schedule {
  readonly nextAt: Date | null;
}

/** The service. */
export class Jobs {
  readonly #parts: JobsParts;

  constructor(parts: JobsParts) {
    this.#parts = parts;
  }

  /** The jobs that can be submitted by the asker. */
  async functions(principal: Principal): Promise<JobPlace[]> {
    const all = await this.#parts.known.list();
    return all.filter((place) => can(principal, "jobs:submit", place));
  }

  /**
   * Submits a job.
   *
   * @throws {AppError} JOB_FUNCTION_NOT_FOUND, INVALID_INPUT, IDEMPOTENCY_KEY_REUSED.
   */
  async submit(principal: Principal, input: SubmitInput, request: Request): Promise<Submitted> {
    await this.#assertKnown(principal, "jobs:submit", input);
    return await this.#put(orderOf(input, { ...request, principal: principal.id }, new Date()));
  }

  /** A job and its attempts. @throws {AppError} JOB_NOT_FOUND. */
  async find(principal: Principal, id: string): Promise<{ job: Job; attempts: Attempt[] }> {
    const job = await this.#findFor(principal, "jobs:read", id);
    return { job, attempts: await findAttempts(this.#parts.sql, id) };
  }

  /** Jobs from the newest to the oldest, without payloads and results. */
  list(principal: Principal, filter: JobFilter): Promise<Job[]> {
    return listJobs(this.#parts.sql, visibility(principal, "jobs:read"), filter);
  }

  /** How many jobs there are, of those that the asker may see. */
  stats(principal: Principal): Promise<JobStats> {
    return countJobs(this.#parts.sql, visibility(principal, "jobs:read"));
  }

  /** What the attempts at a job printed. @throws {AppError} JOB_NOT_FOUND, ACCESS_DENIED. */
  async lines(
    principal: Principal,
    id: string,
    page: { after: number; limit: number },
  ): Promise<JobLine[]> {
    await this.#findFor(principal, "logs:read", id);
    return await findLines(this.#parts.sql, id, page);
  }

  /**
   * Cancels a job that has not ended. One that runs is told, and killed when it goes on.
   *
   * @throws {AppError} JOB_NOT_FOUND, ACCESS_DENIED, CONFLICT when it has ended.
   */
  async cancel(principal: Principal, id: string): Promise<Job> {
    await this.#findFor(principal, "jobs:manage", id);
    const { sql, queue } = this.#parts;
    const cancelled = await sql.transaction(async (tx) => {
      if (!await queue.cancel(tx, id)) return false;
      await endCancelled(tx, id);
      return true;
    });
    const job = await this.#findFor(principal, "jobs:manage", id);
    if (!cancelled) throw new AppError("CONFLICT", `The job has ended already: ${job.status}`);
    return job;
  }

  /**
   * Submits a job that has failed or was cancelled again, as a new one.
   *
   * @throws {AppError} JOB_NOT_FOUND, ACCESS_DENIED, CONFLICT, INTEGRITY_VIOLATION.
   */
  async retry(principal: Principal, id: string, request: Request): Promise<Submitted> {
    const job = await this.#findFor(principal, "jobs:manage", id);
    // What it orders is signed again below.
    verifyOrder(this.#parts.ring, job);
    if (job.status !== "failed" && job.status !== "cancelled") {
      throw new AppError("CONFLICT", `Only failed or cancelled jobs are retried: ${job.status}`);
    }
    const userId = job.userId ?? undefined;
    const submission = { ...request, principal: principal.id, retryOf: id, userId };
    const order = orderOf({ ...job, scheduledAt: null }, submission, new Date());
    if (job.retriedAs !== null && job.retriedAs !== order.id) {
      throw new AppError("CONFLICT", `The job was retried already, as ${job.retriedAs}`);
    }
    return await this.#put(order);
  }

  /**
   * Sets a schedule, or changes it.
   *
   * @throws {AppError} JOB_FUNCTION_NOT_FOUND, ACCESS_DENIED, INVALID_INPUT.
   */
  async setSchedule(principal: Principal, input: NewSchedule): Promise<ShownSchedule> {
    await this.#assertKnown(principal, "jobs:manage", input);
    const now = new Date();
    const schedule = { ...input, principal: principal.id, createdAt: now, updatedAt: now };
    await this.#parts.schedules.set(schedule, actorOf(principal));
    return this.#shown(schedule);
  }

  /** The schedules that the asker may see. */
  async listSchedules(principal: Principal): Promise<ShownSchedule[]> {
    const all = await this.#parts.schedules.list(visibility(principal, "jobs:read"));
    return all.map((schedule) => this.#shown(schedule));
  }

  /** Removes a schedule. @throws {AppError} SCHEDULE_NOT_FOUND, ACCESS_DENIED. */
  async removeSchedule(principal: Principal, place: JobPlace): Promise<void> {
    const found = allows(principal, "jobs:manage", place) &&
      await this.#parts.schedules.remove(place, actorOf(principal));
    if (!found) throw new AppError("SCHEDULE_NOT_FOUND", "Schedule not found");
  }

  /** Submits what a schedule says, once for each time that it has come due. */
  async submitDue(key: string, dueId: string): Promise<void> {
    const schedule = await this.#parts.schedules.due(key);
    if (schedule === undefined) return;
    const { principal } = schedule;
    const order = orderOf(schedule, { principal, requestId: `schedule ${key}` }, new Date());
    await this.#put({ ...order, id: dueId });
  }

  async #put(order: JobOrder): Promise<Submitted> {
    const { sql, ring, queue } = this.#parts;
    const isNew = await sql.transaction(async (tx) => {
      if (!await insertOrder(tx, signOrder(ring, order))) return false;
      await queue.push(tx, order);
      if (order.retryOf !== null) await noteRetried(tx, order.retryOf, order.id);
      return true;
    });
    if (isNew) return { job: pendingJob(order), replayed: false };
    const job = await findJob(sql, order.id);
    if (job !== undefined && asksTheSame(job, order)) return { job, replayed: true };
    throw new AppError(
      "IDEMPOTENCY_KEY_REUSED",
      "This Idempotency-Key was used for a different request",
    );
  }

  /** Who may not see a job is told what they are told of one that isn't there. */
  async #findFor(principal: Principal, action: Action, id: string): Promise<StoredJob> {
    const job = await findJob(this.#parts.sql, id);
    if (job === undefined || !allows(principal, action, job, "jobs:read")) {
      throw new AppError("JOB_NOT_FOUND", "Job not found");
    }
    return job;
  }

  async #assertKnown(principal: Principal, action: Action, place: JobPlace): Promise<void> {
    if (allows(principal, action, place) && await this.#parts.known.has(place)) return;
    throw new AppError("JOB_FUNCTION_NOT_FOUND", "Job function not found");
  }

  #shown(schedule: Schedule): ShownSchedule {
    return { ...schedule, nextAt: this.#parts.schedules.next(schedule) };
  }
}

/**
 * Whether the principal may do this.
 *
 * @param seeing What shows that the principal knows of it; without it, any grant in the namespace.
 * @returns False when it may not even know of it.
 * @throws {AppError} ACCESS_DENIED when it may know of it and no more.
 */
function allows(
  principal: Principal,
  action: Action,
  place: { readonly name: string; readonly namespace: Namespace | null },
  seeing?: Action,
): boolean {
  if (can(principal, action, place)) return true;
  const known = seeing === undefined
    ? sees(principal, place.namespace)
    : can(principal, seeing, place);
  if (!known) return false;
  throw new AppError("ACCESS_DENIED", `Insufficient permissions: ${action} is not granted here`);
}
