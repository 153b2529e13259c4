/**
 * The queue of jobs: pg-boss's table and statements, in our transactions.
 *
 * @module
 */
import type { PgBoss } from "pg-boss";
import type { Row, Sql } from "../store/sql.ts";
import { JOBS } from "./boss.ts";
import { bossSql } from "./boss_database.ts";
import type { JobOrder } from "./job.ts";

/** A hold on a job. Each claim of a job has another number, and only the last one counts. */
export interface Claim {
  readonly id: string;
  /** pg-boss's count of claims before this one. */
  readonly retryCount: number;
  readonly retryLimit: number;
}

/** Retries are at most this far apart, seconds. */
const MOST_DELAY_S = 60 * 60;
/** How many workers may be lost over a job before that counts as the job's own failure. */
const MOST_LOST = 5;
const TAKEN_AT_ONCE = 200;

/** The queue. */
export class JobQueue {
  readonly #boss: PgBoss;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  /** Puts a job in line, in the transaction `tx`. */
  async push(tx: Sql, order: JobOrder): Promise<void> {
    const delayed = order.retryDelayS > 0;
    await this.#boss.send(JOBS, null, {
      db: bossSql(tx),
      id: order.id,
      priority: order.priority,
      retryLimit: order.retries,
      retryDelay: order.retryDelayS,
      retryBackoff: delayed,
      ...(delayed && { retryDelayMax: Math.max(MOST_DELAY_S, order.retryDelayS) }),
      ...(order.scheduledAt !== null && { startAfter: order.scheduledAt }),
    });
  }

  /** Claims at most `count` jobs: those of the highest priority, of these the oldest. */
  async claim(count: number): Promise<Claim[]> {
    const jobs = await this.#boss.fetch(JOBS, { batchSize: count, includeMetadata: true });
    return jobs.map(({ id, retryCount, retryLimit }) => ({ id, retryCount, retryLimit }));
  }

  /** Gives a sign of life for claims, and returns the ids of those that still hold. */
  async touch(claims: readonly Claim[]): Promise<Set<string>> {
    const response = await this.#boss.touch(JOBS, [...claims]);
    return new Set((response as { settled?: string[] }).settled);
  }

  /** Ends a job well; false when the claim no longer holds. */
  async complete(tx: Sql, claim: Claim): Promise<boolean> {
    return affected(await this.#boss.complete(JOBS, claim, null, { db: bossSql(tx) })) === 1;
  }

  /** Lets a job be tried again, or ends it when its retries are used up; see {@linkcode isLast}. */
  async fail(tx: Sql, claim: Claim): Promise<boolean> {
    return affected(await this.#boss.fail(JOBS, claim, null, { db: bossSql(tx) })) === 1;
  }

  /** Ends a job that has not ended, whoever holds it; false when it has. */
  async cancel(tx: Sql, id: string): Promise<boolean> {
    return affected(await this.#boss.cancel(JOBS, id, { db: bossSql(tx) })) === 1;
  }

  /**
   * Puts a job back in line, for `delayMs` from now, as if it had not been claimed: no retry is
   * spent. pg-boss itself counts every claim that ends otherwise than well as a failure.
   */
  async handBack(sql: Sql, { id, retryCount }: Claim, delayMs: number): Promise<boolean> {
    const rows = await sql`
      update pgboss.job set state = 'retry', retry_limit = retry_limit + 1,
        start_after = pgboss.job_now() + ${delayMs} * interval '1 millisecond',
        heartbeat_on = null
      where name = ${JOBS} and id = ${id} and state = 'active' and retry_count = ${retryCount}
      returning 1`;
    return rows.length === 1;
  }

  /**
   * Puts the jobs back in line whose workers have not been heard of for `silentMs`, as
   * {@linkcode handBack} does. A job over which many workers were lost has failed instead.
   *
   * @returns Ids of the jobs that were taken from their workers.
   */
  async takeFromSilent(tx: Sql, silentMs: number): Promise<string[]> {
    const rows = await tx<Row & { id: string; retry_count: number; fatal: boolean }>`
      with silent as materialized (
        select id, retry_count from pgboss.job
        where name = ${JOBS} and state = 'active'
          and heartbeat_on < pgboss.job_now() - ${silentMs} * interval '1 millisecond'
        limit ${TAKEN_AT_ONCE} for update skip locked
      ), noted as (
        update functions.job_attempts a set outcome = 'lost', finished_at = ${new Date()},
          error = 'The worker was lost'
        from silent s where a.job_id = s.id and a.attempt = s.retry_count + 1 and a.outcome is null
      ), counted as (
        select s.id, s.retry_count, (select count(*) from functions.job_attempts a
          where a.job_id = s.id and a.outcome = 'lost') >= ${MOST_LOST} as fatal
        from silent s
      ), freed as (
        update pgboss.job j set state = 'retry', retry_limit = retry_limit + 1,
          start_after = pgboss.job_now(), heartbeat_on = null
        from counted c where j.name = ${JOBS} and j.id = c.id and not c.fatal
      )
      select id, retry_count, fatal from counted`;
    for (const { id, retry_count, fatal } of rows) {
      if (fatal) await this.fail(tx, { id, retryCount: retry_count, retryLimit: 0 });
    }
    return rows.map(({ id }) => id);
  }
}

/** Whether a job fails for good when this claim does. */
export function isLast({ retryCount, retryLimit }: Claim): boolean {
  return retryCount >= retryLimit;
}

function affected(response: object): number {
  return (response as { affected?: number }).affected ?? 0;
}
