/**
 * Whole tables out and in, for backups.
 *
 * @module
 */
import type { VersionRow } from "../resolve/records.ts";
import { CODE_CHANNEL } from "./deployments.ts";
import { VERSION_COLUMNS, versionRow } from "./secret_rows.ts";
import { SECRETS_CHANNEL } from "./secret_writes.ts";
import { SERVICE_KEYS_CHANNEL } from "./service_keys.ts";
import { SETTINGS_CHANNEL } from "./settings.ts";
import type { Row, Sql } from "./sql.ts";

const FIRST = "00000000-0000-0000-0000-000000000000";

/** The tables of a backup and their columns' types, of which those of `bytea` are given in hex. */
const TABLES = {
  "functions.secrets": "id uuid, scope text, namespace text, name text, description text, " +
    "version int, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, " +
    "created_by text, updated_by text, deleted_at timestamptz, oldest_version int, absences text, " +
    "mac bytea",
  "functions.secret_versions": "id uuid, secret_id uuid, version int, envelope bytea, " +
    "created_at timestamptz, created_by text, mac bytea",
  "app.settings": "id uuid, key text, scope text, user_id text, description text, revision int, " +
    "envelope bytea, created_at timestamptz, updated_at timestamptz, created_by text, " +
    "updated_by text, mac bytea",
  "functions.code_blobs": "hash text, code bytea, created_at timestamptz",
  "functions.deployments": "id uuid, kind text, namespace text, name text, version int, " +
    "created_at timestamptz, updated_at timestamptz, created_by text, updated_by text, " +
    "deleted_at timestamptz, mac bytea",
  "functions.deployment_versions": "deployment_id uuid, version int, hash text, settings text, " +
    "restored int, created_at timestamptz, created_by text, mac bytea",
} as const;

/** A table of a backup. */
export type BackupTable = keyof typeof TABLES;

/** Makes a transaction see one moment of the database, however long it takes. */
export async function holdMoment(tx: Sql): Promise<void> {
  await tx`set transaction isolation level repeatable read, read only`;
}

/** Every row of a table with a UUID, in the order of ids, in batches. */
export async function* scanTable(
  sql: Sql,
  table: "app.settings" | "functions.service_keys" | "functions.deployments",
  limit: number = 200,
): AsyncGenerator<Row[]> {
  for (let after = FIRST;;) {
    const rows = await sql.query<Row & { id: string }>(
      `select * from ${table} where id > $1::uuid order by id limit $2::int`,
      [after, limit],
    );
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)!.id;
  }
}

/** All versions of some secrets, oldest first, in batches. */
export async function* scanVersions(
  sql: Sql,
  secretIds: readonly string[],
  limit: number = 500,
): AsyncGenerator<VersionRow[]> {
  let after: VersionRow | undefined;
  for (;;) {
    const rows = await sql.query(
      `select ${VERSION_COLUMNS} from functions.secret_versions
       where secret_id = any($1::text[]::uuid[]) and (secret_id, version) > ($2::uuid, $3::int)
       order by secret_id, version limit $4::int`,
      [secretIds, after?.secretId ?? FIRST, after?.version ?? 0, limit],
    );
    if (rows.length === 0) return;
    const versions = rows.map(versionRow);
    yield versions;
    after = versions.at(-1)!;
  }
}

/** Every bundle of code that a version needs, one at a time. */
export async function* scanCode(
  sql: Sql,
): AsyncGenerator<{ hash: string; code: Uint8Array; created_at: Date }> {
  for (let after = "";;) {
    const [row] = await sql.query<Row & { hash: string; code: Uint8Array; created_at: Date }>(
      `select hash, code, created_at from functions.code_blobs b where hash > $1
         and exists (select from functions.deployment_versions v where v.hash = b.hash)
       order by hash limit 1`,
      [after],
    );
    if (row === undefined) return;
    yield row;
    after = row.hash;
  }
}

/** Every schedule, in the order of namespaces and names, in batches. */
export async function* scanSchedules(sql: Sql, limit: number = 50): AsyncGenerator<Row[]> {
  for (let after = ["", ""];;) {
    const rows = await sql.query<Row & { namespace: string | null; name: string }>(
      `select * from functions.job_schedules
       where (coalesce(namespace, ''), name) > ($1 collate "C", $2 collate "C")
       order by coalesce(namespace, '') collate "C", name collate "C" limit $3::int`,
      [...after, limit],
    );
    if (rows.length === 0) return;
    yield rows;
    const { namespace, name } = rows.at(-1)!;
    after = [namespace ?? "", name];
  }
}

/** Whether there is anything that a backup could bring, but service keys. */
export async function hasContents(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ some: boolean }>`
    select exists (select from functions.secrets) or exists (select from app.settings)
      or exists (select from functions.deployments)
      or exists (select from functions.job_schedules) as some`;
  return row!.some;
}

/** Keeps everybody else from writing secrets or keys, in known places and new ones. */
export async function lockHeads(tx: Sql): Promise<void> {
  await tx`select 1 from functions.heads where namespace = '@namespaces' for update`;
  await tx`select 1 from functions.heads order by namespace for update`;
  await tx`lock table app.settings, functions.deployments, functions.job_schedules
    in exclusive mode`;
}

/**
 * Adds rows as they are.
 *
 * @param rows By the columns' names; bytes in hex as {@linkcode bytea} gives them.
 */
export async function insertRows(
  sql: Sql,
  table: BackupTable,
  rows: readonly object[],
): Promise<void> {
  if (rows.length === 0) return;
  const types = TABLES[table];
  const columns = types.replace(/ \w+(?=,|$)/g, "");
  await sql.query(
    `insert into ${table} (${columns}) select ${columns}
     from json_to_recordset($1::text::json) as r(${types})`,
    [JSON.stringify(rows)],
  );
}

/** Bytes as `bytea` reads them in JSON. */
export function bytea(bytes: Uint8Array): string {
  return `\\x${bytes.toHex()}`;
}

/** Tells every server that everything may be new. */
export async function tellOfEverything(
  tx: Sql,
  { namespaces, users }: { namespaces: Iterable<string>; users: Iterable<string> },
): Promise<void> {
  const tell = async (channel: string, payloads: Iterable<string>) => {
    await tx`select pg_notify(${channel}, p) is null as told
      from unnest(${[...payloads]}::text[]) as p`;
  };
  await tx`insert into functions.code_heads (kind, revision) values ('function', 1), ('job', 1)
    on conflict (kind) do update set revision = code_heads.revision + 1`;
  await tell(SECRETS_CHANNEL, namespaces);
  await tell(SETTINGS_CHANNEL, users);
  await tell(SERVICE_KEYS_CHANNEL, [""]);
  await tell(CODE_CHANNEL, ["function", "job"]);
}
