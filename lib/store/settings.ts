/**
 * The store of settings: rows and sealed values in, rows and sealed values out.
 *
 * @module
 */
import type { SettingKey, SettingRef, SettingScope, UserId } from "../resolve/setting_ref.ts";
import type { SettingRow } from "../resolve/setting_rows.ts";
import type { FindOptions } from "./secrets.ts";
import type { RowSetSpec } from "./row_sets.ts";
import type { Row, Sql } from "./sql.ts";

/** The channel on which every write tells whose settings changed; `""` means the system's. */
export const SETTINGS_CHANNEL = "fluxbase_settings";

/**
 * Every setting is in this set, so that `verify` tells of one that is missing or was put back. It is
 * not looked at when settings are read: there may be as many as there are users.
 */
export const SETTINGS_SET: RowSetSpec = { name: "@settings", table: "app.settings" };

/** The unique index of names, as a unique violation names it. */
export const SETTING_NAMES = "settings_name_unique";

const COLUMNS = "id, key, scope, user_id, description, revision, envelope, created_at, " +
  "updated_at, created_by, updated_by, mac";

/** How much somebody has stored. */
export interface SettingUsage {
  readonly count: number;
  /** Of sealed values. */
  readonly bytes: number;
}

/** Finds a setting by its exact key. */
export async function findSetting(
  sql: Sql,
  { userId, key }: SettingRef,
  options: FindOptions = {},
): Promise<SettingRow | undefined> {
  const lock = options.forUpdate === true ? " for update" : "";
  const [row] = await sql.query(
    `select ${COLUMNS} from app.settings where ${ownedBy(userId)} and key = $2${lock}`,
    [userId, key],
  );
  return row === undefined ? undefined : settingRow(row);
}

/** Every setting of a user, or of the system (`null`), in the order of keys. */
export async function listSettings(sql: Sql, userId: UserId | null): Promise<SettingRow[]> {
  const rows = await sql.query(
    `select ${COLUMNS} from app.settings where ${ownedBy(userId)} order by key collate "C"`,
    [userId],
  );
  return rows.map(settingRow);
}

/** How much a user, or the system (`null`), has stored. */
export async function settingUsage(sql: Sql, userId: UserId | null): Promise<SettingUsage> {
  const [row] = await sql.query(
    `select count(*)::int as count, coalesce(sum(octet_length(envelope)), 0)::int as bytes
     from app.settings where ${ownedBy(userId)}`,
    [userId],
  );
  return row as Row & SettingUsage;
}

/**
 * Adds a setting and tells the other servers.
 *
 * @throws {UniqueViolation} When there is one that user code would see under the same name.
 */
export async function insertSetting(sql: Sql, row: SettingRow): Promise<void> {
  await sql`insert into app.settings (id, key, scope, user_id, description, revision, envelope,
      created_at, updated_at, created_by, updated_by, mac)
    values (${row.id}::uuid, ${row.key}, ${row.scope}, ${row.userId}, ${row.description},
      ${row.revision}, ${row.envelope}, ${row.createdAt}, ${row.updatedAt}, ${row.createdBy},
      ${row.updatedBy}, ${row.mac})`;
  await tell(sql, row.userId);
}

/** Stores a changed setting, of which the caller holds the row, and tells the other servers. */
export async function updateSetting(sql: Sql, row: SettingRow): Promise<void> {
  await sql`update app.settings set description = ${row.description}, revision = ${row.revision},
      envelope = ${row.envelope}, updated_at = ${row.updatedAt}, updated_by = ${row.updatedBy},
      mac = ${row.mac}
    where id = ${row.id}::uuid`;
  await tell(sql, row.userId);
}

/** Removes a setting, of which the caller holds the row, and tells the other servers. */
export async function deleteSetting(sql: Sql, row: SettingRow): Promise<void> {
  await sql`delete from app.settings where id = ${row.id}::uuid`;
  await tell(sql, row.userId);
}

/** The settings of a database, as the resolver's source. */
export class StoredSettingSource {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Every setting of a user, or of the system (`null`). */
  load(userId: UserId | null): Promise<SettingRow[]> {
    return listSettings(this.#sql, userId);
  }

  /** SHA-256 of their MACs in the order of ids, hex. */
  async revision(userId: UserId | null): Promise<string> {
    const [row] = await this.#sql.query<Row & { revision: string }>(
      `select encode(sha256(coalesce(string_agg(mac, ''::bytea order by id), '')), 'hex')
         as revision
       from app.settings where ${ownedBy(userId)}`,
      [userId],
    );
    return row!.revision;
  }
}

/** Two branches, since `is not distinct from` uses no index. */
function ownedBy(userId: UserId | null): string {
  return userId === null ? "user_id is null and $1::text is null" : "user_id = $1::text";
}

async function tell(sql: Sql, userId: UserId | null): Promise<void> {
  await sql`select pg_notify(${SETTINGS_CHANNEL}, ${userId ?? ""}) is null as told`;
}

interface RawSetting {
  id: string;
  key: SettingKey;
  scope: SettingScope;
  user_id: UserId | null;
  description: string | null;
  revision: number;
  envelope: Uint8Array;
  created_at: Date;
  updated_at: Date;
  created_by: string | null;
  updated_by: string | null;
  mac: Uint8Array;
}

/** Reads a row of `app.settings`. */
export function settingRow(row: Row): SettingRow {
  const raw = row as Row & RawSetting;
  return {
    id: raw.id,
    key: raw.key,
    scope: raw.scope,
    userId: raw.user_id,
    description: raw.description,
    revision: raw.revision,
    envelope: raw.envelope,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
    createdBy: raw.created_by,
    updatedBy: raw.updated_by,
    mac: raw.mac,
  };
}
