/**
 * Jobs that are submitted regularly.
 *
 * pg-boss says when, once for all workers together; what is submitted then stands in our own,
 * authenticated row.
 *
 * @module
 */
import type { PgBoss } from "pg-boss";
import type { Actor } from "../audit/entry.ts";
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Visibility } from "../principal/principal.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { RowMove } from "../resolve/head.ts";
import type { RowSetSpec, RowSetStore } from "../store/row_sets.ts";
import type { Row, Sql } from "../store/sql.ts";
import { DUE } from "./boss.ts";
import { bossSql } from "./boss_database.ts";
import { Where } from "../store/visible.ts";

/** Every schedule is in this set, so that none comes back by an old copy of its row. */
export const SCHEDULES_SET: RowSetSpec = {
  name: "@job_schedules",
  table: "functions.job_schedules",
};

/** What is to be submitted when. */
export interface Schedule {
  readonly name: string;
  readonly namespace: Namespace | null;
  /** Five fields, to the minute. */
  readonly cron: string;
  /** An IANA time zone. */
  readonly timezone: string;
  /** JSON. */
  readonly payload: string;
  /** Id of the principal that set it. */
  readonly principal: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A schedule's place. */
export type SchedulePlace = Pick<Schedule, "name" | "namespace">;

const COLUMNS = "s.name, s.namespace, s.cron, s.timezone, s.payload, s.principal, s.created_at, " +
  "s.updated_at, s.mac";
const FIELDS = /^(?:@(?:hourly|daily|weekly|monthly|yearly)|\S+(?:\s+\S+){4})$/;

/** All schedules. */
export class JobSchedules {
  readonly #sql: Sql;
  readonly #boss: PgBoss;
  readonly #ring: KeyRing;
  readonly #set: RowSetStore;

  constructor(parts: { sql: Sql; boss: PgBoss; ring: KeyRing; set: RowSetStore }) {
    this.#sql = parts.sql;
    this.#boss = parts.boss;
    this.#ring = parts.ring;
    this.#set = parts.set;
  }

  /**
   * Sets a schedule, or changes it.
   *
   * @param actor Who does, for the record.
   * @throws {AppError} INVALID_INPUT for an expression or a time zone that can't be.
   */
  async set(schedule: Schedule, actor: Actor): Promise<void> {
    this.next(schedule);
    const { name, namespace, cron, timezone } = schedule;
    await this.#set.transact(this.#sql, async (tx, change) => {
      const [kept] = await tx<Row & { created_at: Date; mac: Uint8Array }>`
        select created_at, mac from functions.job_schedules
        where name = ${name} and namespace is not distinct from ${namespace} for update`;
      const createdAt = kept?.created_at ?? schedule.createdAt;
      const after = await this.#put(tx, { ...schedule, createdAt });
      const action = kept === undefined ? "schedule.create" : "schedule.update";
      const detail = { cron, timezone };
      const entry = { action, actor, namespace, name, detail };
      await change([{ before: kept && { mac: kept.mac }, after }], entry);
    });
  }

  /**
   * Brings in a schedule of a backup, with its times.
   *
   * @param tx A transaction that goes on to tell the set of it.
   * @returns What the set is to be told.
   * @throws {AppError} INVALID_INPUT for an expression or a time zone that can't be.
   */
  async restore(tx: Sql, schedule: Schedule): Promise<RowMove> {
    this.next(schedule);
    return { after: await this.#put(tx, schedule) };
  }

  /**
   * Removes a schedule; false when there is none.
   *
   * @param actor Who does, for the record.
   */
  async remove(place: SchedulePlace, actor: Actor): Promise<boolean> {
    return await this.#set.transact(this.#sql, async (tx, change) => {
      const rows = await tx<Row & { mac: Uint8Array }>`
        delete from functions.job_schedules
        where name = ${place.name} and namespace is not distinct from ${place.namespace}
        returning mac`;
      const { namespace, name } = place;
      const entry = { action: "schedule.delete", actor, namespace, name };
      await change(rows.map(({ mac }) => ({ before: { mac } })), entry);
      await this.#boss.unschedule(DUE, keyOf(place), { db: bossSql(tx) });
      return rows.length === 1;
    });
  }

  /** The schedules that may be seen, by namespace and name. */
  async list(visible: readonly Visibility[]): Promise<Schedule[]> {
    const where = new Where();
    where.andVisible("s", visible);
    const rows = await this.#sql.query(
      `select ${COLUMNS} from functions.job_schedules s where ${where}
       order by s.namespace collate "C" nulls first, s.name collate "C"`,
      where.values,
    );
    return rows.map((row) => scheduleOf(row));
  }

  /**
   * The schedule that has come due, by the queue's key.
   *
   * @returns Nothing when it was removed meanwhile.
   * @throws {AppError} INTEGRITY_VIOLATION when it is not as it was written.
   */
  async due(key: string): Promise<Schedule | undefined> {
    const [, namespace, name] = /^(.+)\/(.+)$/.exec(key) ?? [];
    if (namespace === undefined || name === undefined) return undefined;
    const found = await this.#set.read(this.#sql, async () => {
      const [row] = await this.#sql.query(
        `select ${COLUMNS} from functions.job_schedules s
         where s.name = $1 and s.namespace is not distinct from $2`,
        [name, namespace === NO_NAMESPACE ? null : namespace],
      );
      return row && verifySchedule(this.#ring, row);
    });
    return found?.schedule;
  }

  /**
   * When it comes due next.
   *
   * @throws {AppError} INVALID_INPUT for an expression or a time zone that can't be.
   */
  next({ cron, timezone: tz }: Pick<Schedule, "cron" | "timezone">): Date | null {
    if (!FIELDS.test(cron)) {
      throw invalid("cron must have five fields, such as 0 3 * * 1-5, or be @hourly, @daily, …");
    }
    try {
      return this.#boss.previewSchedule(cron, { tz, count: 1 })[0] ?? null;
    } catch {
      throw invalid("cron must be five fields of cron(5), and timezone an IANA time zone");
    }
  }

  /** Writes the row, and its place in the queue. */
  async #put(tx: Sql, schedule: Schedule): Promise<{ readonly mac: Uint8Array }> {
    const { name, namespace, cron, timezone: tz, payload, principal } = schedule;
    const mac = this.#ring.mac("row", scheduleMessage(schedule));
    await tx`
      insert into functions.job_schedules (name, namespace, cron, timezone, payload, principal,
        created_at, updated_at, mac)
      values (${name}, ${namespace}, ${cron}, ${tz}, ${payload}, ${principal},
        ${schedule.createdAt}, ${schedule.updatedAt}, ${mac})
      on conflict (namespace, name) do update set cron = excluded.cron,
        timezone = excluded.timezone, payload = excluded.payload,
        principal = excluded.principal, updated_at = excluded.updated_at, mac = excluded.mac`;
    const key = keyOf(schedule);
    await this.#boss.schedule(DUE, cron, { key }, { tz, key, db: bossSql(tx) });
    return { mac };
  }
}

/** No namespace can be called this. */
const NO_NAMESPACE = "-";

function keyOf({ name, namespace }: SchedulePlace): string {
  return `${namespace ?? NO_NAMESPACE}/${name}`;
}

/**
 * Reads a row of `functions.job_schedules` and lets it through if it is as it was written.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when it isn't.
 */
export function verifySchedule(
  ring: KeyRing,
  row: Row,
): { readonly schedule: Schedule; readonly mac: Uint8Array } {
  const schedule = scheduleOf(row);
  const mac = row.mac as Uint8Array;
  if (isAuthentic(ring, () => scheduleMessage(schedule), mac)) return { schedule, mac };
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Schedule of job ${schedule.name} is not as it was written`,
  );
}

/** The message of the MAC of a row of `functions.job_schedules`. */
export function scheduleMessage(schedule: Schedule): Uint8Array {
  return canonical("fluxbase/row/job_schedules/v1", [
    schedule.name,
    schedule.namespace,
    schedule.cron,
    schedule.timezone,
    schedule.payload,
    schedule.principal,
    schedule.createdAt,
    schedule.updatedAt,
  ]);
}

/** Reads a row of `functions.job_schedules`. */
export function scheduleOf(row: Row): Schedule {
  return {
    name: row.name as string,
    namespace: row.namespace as Namespace | null,
    cron: row.cron as string,
    timezone: row.timezone as string,
    payload: row.payload as string,
    principal: row.principal as string | null,
    createdAt: row.created_at as Date,
    updatedAt: row.updated_at as Date,
  };
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
