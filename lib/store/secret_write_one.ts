/**
 * The write of one change, which is most of them: the same as `putSecrets` of a list of one, with a
 * parameter for each column. A plan of that is found in a third of the time, which counts where
 * plans aren't kept.
 *
 * @module
 */
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import { type HeadChange, headParts, runHead } from "./heads.ts";
import type { RememberedAnswer } from "./idempotency.ts";
import { SECRET_COLUMNS, VERSION_COLUMNS } from "./secret_rows.ts";
import { type SecretChange, SECRETS_CHANNEL } from "./secret_change.ts";
import type { Sql, SqlValue } from "./sql.ts";

type Bind = (value: SqlValue, type: string) => string;

/**
 * Stores one change.
 *
 * @returns `false` when the head or the row is no longer what is stored; then nothing was written.
 * @throws {UniqueViolation} As `putSecrets` does.
 */
export async function putSecret(
  sql: Sql,
  heads: HeadChange,
  { before, after, version, answer }: SecretChange,
): Promise<boolean> {
  const values: SqlValue[] = [];
  const bind: Bind = (value, type) => `$${values.push(value)}::${type}`;
  const current = before === undefined ? "" : ` and ${isCurrent(bind, before)}`;
  const parts = [
    ...headParts(heads, bind, current),
    `secret as (${before === undefined ? add(bind, after) : change(bind, after)})`,
  ];
  if (version) parts.push(`history as (${addVersion(bind, version)})`);
  if (before !== undefined && after.oldestVersion > before.oldestVersion) {
    parts.push(`trimmed as (${trim(bind, after)})`);
  }
  if (answer) parts.push(`answer as (${addAnswer(bind, answer)})`);
  const payload = bind(after.namespace ?? "", "text");
  const rows = await runHead(
    sql,
    heads,
    `with ${parts.join(",\n")}
     select pg_notify('${SECRETS_CHANNEL}', ${payload}) is null as told from head`,
    values,
  );
  return rows.length === 1;
}

/** The MAC covers every column, so an equal one means an unchanged row. */
function isCurrent(bind: Bind, { id, mac }: SecretRow): string {
  return `exists (select from functions.secrets s
    where s.id = ${bind(id, "uuid")} and s.mac = ${bind(mac, "bytea")})`;
}

function add(bind: Bind, row: SecretRow): string {
  return `insert into functions.secrets (${SECRET_COLUMNS}) select
    ${bind(row.id, "uuid")}, ${bind(row.scope, "text")}, ${bind(row.namespace, "text")},
    ${bind(row.name, "text")}, ${bind(row.description, "text")}, ${bind(row.version, "int")},
    ${bind(row.expiresAt, "timestamptz")}, ${bind(row.createdAt, "timestamptz")},
    ${bind(row.updatedAt, "timestamptz")}, ${bind(row.createdBy, "text")},
    ${bind(row.updatedBy, "text")}, ${bind(row.deletedAt, "timestamptz")},
    ${bind(row.oldestVersion, "int")}, ${bind(row.absences, "text")}, ${bind(row.mac, "bytea")}
  from head`;
}

function change(bind: Bind, row: SecretRow): string {
  return `update functions.secrets set description = ${bind(row.description, "text")},
    version = ${bind(row.version, "int")}, expires_at = ${bind(row.expiresAt, "timestamptz")},
    updated_at = ${bind(row.updatedAt, "timestamptz")}, updated_by = ${bind(row.updatedBy, "text")},
    deleted_at = ${bind(row.deletedAt, "timestamptz")},
    oldest_version = ${bind(row.oldestVersion, "int")}, absences = ${bind(row.absences, "text")},
    mac = ${bind(row.mac, "bytea")}
  from head where id = ${bind(row.id, "uuid")}`;
}

function addVersion(bind: Bind, row: VersionRow): string {
  return `insert into functions.secret_versions (${VERSION_COLUMNS}) select
    ${bind(row.id, "uuid")}, ${bind(row.secretId, "uuid")}, ${bind(row.version, "int")},
    ${bind(row.envelope, "bytea")}, ${bind(row.createdAt, "timestamptz")},
    ${bind(row.createdBy, "text")}, ${bind(row.mac, "bytea")} from head`;
}

function trim(bind: Bind, row: SecretRow): string {
  return `delete from functions.secret_versions v using head
    where v.secret_id = ${bind(row.id, "uuid")} and v.version < ${bind(row.oldestVersion, "int")}`;
}

function addAnswer(bind: Bind, answer: RememberedAnswer): string {
  return `insert into functions.idempotency_keys
      (principal, key, fingerprint, status, body, created_at) select
    ${bind(answer.principal, "text")}, ${bind(answer.key, "text")},
    ${bind(answer.fingerprint, "bytea")}, ${bind(answer.status, "int")},
    ${bind(JSON.stringify(answer.body), "text")}::jsonb,
    ${bind(answer.createdAt, "timestamptz")} from head`;
}
