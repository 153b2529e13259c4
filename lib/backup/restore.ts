/**
 * A backup brought into an empty database: in one transaction, which only commits once the last line
 * has been checked. So what is refused has written nothing.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { JobSchedules, Schedule } from "../jobs/schedules.ts";
import { type Head, moveRows, NO_ROWS, type PlaceRows, type RowMove } from "../resolve/head.ts";
import type { SecretIdentity, SecretRow } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import {
  type BackupTable,
  hasContents,
  insertRows,
  lockHeads,
  tellOfEverything,
} from "../store/backup_rows.ts";
import { findBrokenHistories } from "../store/history_scan.ts";
import type { DeploymentRow } from "../store/deployment_rows.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { findServiceKeyById, insertServiceKey } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import { refusedBackup } from "./cipher.ts";
import type { BackupRecord } from "./records.ts";
import { writeHeads } from "./restored_heads.ts";
import {
  columnsOf,
  readSchedule,
  revokedKey,
  sealCodeVersion,
  sealDeployment,
  sealSecret,
  sealSettingRow,
  sealVersion,
} from "./sealed_rows.ts";

/** With what rows are made. */
export interface RestoreTools {
  readonly ring: KeyRing;
  readonly serviceKeys: RowSetStore;
  readonly deployments: RowSetStore;
  readonly settings: RowSetStore;
  readonly schedules: RowSetStore;
  /** Writes schedules, and tells the queue of them. */
  readonly planner: SchedulePlanner;
  readonly now: Date;
  /** Who restores, for the record. */
  readonly actor: Actor;
}

/** Brings schedules in. */
export type SchedulePlanner = Pick<JobSchedules, "restore">;

/** Whose readers must look again, and the heads that are now stored. */
export interface Restored {
  readonly heads: readonly Head[];
  readonly places: readonly (Namespace | null)[];
}

/**
 * Brings records in.
 *
 * @param tx A transaction; should this throw, it must be rolled back.
 * @throws {AppError} CONFLICT when the database isn't empty; INVALID_INPUT when a record is not one
 * that this product has made.
 */
export async function restoreRecords(
  tx: Sql,
  tools: RestoreTools,
  batches: AsyncIterable<readonly BackupRecord[]>,
): Promise<Restored> {
  await lockHeads(tx);
  if (await hasContents(tx)) {
    throw new AppError(
      "CONFLICT",
      "A backup is only restored into an empty database: this one has secrets, settings, code or schedules",
    );
  }
  const restore = new Restore(tx, tools);
  for await (const batch of batches) await restore.put(batch);
  return await restore.finish();
}

class Restore {
  readonly #tx: Sql;
  readonly #tools: RestoreTools;
  readonly #places = new Map<Namespace | null, PlaceRows>();
  readonly #users = new Set<string>();
  readonly #deployments: RowMove[] = [];
  readonly #settings: RowMove[] = [];
  /** By place. */
  readonly #schedules = new Map<string, RowMove>();
  /** The secrets whose versions may come. */
  readonly #owners = new Map<string, SecretIdentity>();
  #versionsBegun = false;
  /** Rows of one table that are not stored yet. */
  #pending: { table: BackupTable; rows: object[] } | undefined;

  constructor(tx: Sql, tools: RestoreTools) {
    this.#tx = tx;
    this.#tools = tools;
  }

  async put(batch: readonly BackupRecord[]): Promise<void> {
    for (const record of batch) await this.#put(record);
    await this.#flush();
  }

  async finish(): Promise<Restored> {
    if ((await findBrokenHistories(this.#tx)).length > 0) {
      throw refusedBackup("versions of a secret are missing");
    }
    const { deployments, settings, schedules } = this.#tools;
    for (
      const [set, moves] of [
        [deployments, this.#deployments],
        [settings, this.#settings],
        [schedules, [...this.#schedules.values()]],
      ] as const
    ) {
      const entry = this.#entry(null, moves.length);
      await set.transact(this.#tx, (_tx, change) => change(moves, entry));
    }
    const entryOf = (place: Namespace | null, count: number) => this.#entry(place, count);
    const heads = await writeHeads(this.#tx, this.#tools.ring, this.#places, entryOf);
    const namespaces = [...this.#places.keys()].map((place) => place ?? "");
    await tellOfEverything(this.#tx, { namespaces, users: ["", ...this.#users] });
    return { heads, places: [...this.#places.keys()] };
  }

  async #put(record: BackupRecord): Promise<void> {
    const { ring, now } = this.#tools;
    switch (record.kind) {
      case "secret":
        return await this.#secret(sealSecret(ring, record.data));
      case "version": {
        this.#versionsBegun = true;
        const owner = this.#owners.get(record.data.secret_id);
        if (owner === undefined) throw refusedBackup("a version belongs to no secret");
        return await this.#add("functions.secret_versions", sealVersion(ring, owner, record.data));
      }
      case "setting": {
        const row = sealSettingRow(ring, record.data);
        if (row.userId !== null) this.#users.add(row.userId);
        this.#settings.push({ after: row });
        return await this.#add("app.settings", row);
      }
      case "serviceKey":
        return await this.#serviceKey(revokedKey(ring, record.data, now));
      case "code": {
        const code = new TextEncoder().encode(record.data.code);
        const same = createHash("sha256").update(code).digest("hex") === record.data.hash;
        if (!same) throw refusedBackup("code is not what its name says");
        return await this.#add("functions.code_blobs", { ...record.data, code });
      }
      case "deployment":
        return await this.#deployment(sealDeployment(ring, record.data));
      case "deploymentVersion":
        return await this.#add(
          "functions.deployment_versions",
          sealCodeVersion(ring, record.data),
        );
      case "schedule":
        return await this.#schedule(readSchedule(record.data));
    }
  }

  async #secret(row: SecretRow): Promise<void> {
    if (this.#versionsBegun) this.#owners.clear();
    this.#versionsBegun = false;
    this.#owners.set(row.id, row);
    const before = this.#places.get(row.namespace) ?? NO_ROWS;
    this.#places.set(row.namespace, moveRows(this.#tools.ring, before, [{ after: row }]));
    await this.#add("functions.secrets", row);
  }

  /** A key that is there already, such as one of the same server, is left as it is. */
  async #serviceKey(row: ReturnType<typeof revokedKey>): Promise<void> {
    await this.#flush();
    if (await findServiceKeyById(this.#tx, row.id) !== undefined) return;
    await this.#tools.serviceKeys.transact(this.#tx, async (tx, change) => {
      await insertServiceKey(tx, row);
      await change([{ after: row }], { ...this.#entry(null, 1), name: row.name });
    });
  }

  async #deployment(row: DeploymentRow): Promise<void> {
    this.#deployments.push({ after: row });
    await this.#add("functions.deployments", row);
  }

  async #schedule(schedule: Schedule): Promise<void> {
    const place = JSON.stringify([schedule.namespace, schedule.name]);
    if (this.#schedules.has(place)) throw refusedBackup("a schedule comes twice");
    this.#schedules.set(place, await this.#tools.planner.restore(this.#tx, schedule));
  }

  async #add(table: BackupTable, row: object): Promise<void> {
    if (this.#pending?.table !== table) await this.#flush();
    this.#pending ??= { table, rows: [] };
    this.#pending.rows.push(columnsOf(row));
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) await insertRows(this.#tx, pending.table, pending.rows);
  }

  /** What is recorded of a place, or of a set, that was brought in whole. */
  #entry(namespace: Namespace | null, count: number): AuditEntry {
    const { actor, now } = this.#tools;
    return { action: "backup.restore", actor, at: now, namespace, count };
  }
}
