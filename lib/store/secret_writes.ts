/**
 * Writes of secrets: each is one statement, so that the head, the pointers, the histories, the
 * remembered answers and the notification come together or not at all.
 *
 * Whatever changes a row of a place changes that place's head first, and compares it with what was
 * read. So the head's lock is the only one, and writes never wait for each other in a circle; and a
 * head that is still what was read means that every row of its place is, too.
 *
 * Rows go as one JSON parameter, so that one statement serves any number of changes.
 *
 * @module
 */
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import { type HeadChange, headParts, runHead } from "./heads.ts";
import type { RememberedAnswer } from "./idempotency.ts";
import { type SecretChange, SECRETS_CHANNEL } from "./secret_change.ts";
import { SECRET_COLUMNS } from "./secret_rows.ts";
import { putSecret } from "./secret_write_one.ts";
import type { Sql, SqlValue } from "./sql.ts";

export { type SecretChange, SECRETS_CHANNEL } from "./secret_change.ts";

/** Changes of one place, and what they make of its head. */
export interface PlaceWrite extends HeadChange {
  /** No two of one secret. */
  readonly changes: readonly SecretChange[];
}

/** A removal of secrets of one place, with their histories, and what it makes of the head. */
export interface PlaceRemoval extends HeadChange {
  readonly rows: readonly SecretRow[];
}

/** The columns of a JSON parameter, as SQL types them. */
const SECRET_TYPES = "id uuid, scope text, namespace text, name text, description text, " +
  "version int, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, " +
  "created_by text, updated_by text, deleted_at timestamptz, oldest_version int, " +
  "absences text, mac bytea";
const VERSION_TYPES = "id uuid, secret_id uuid, version int, envelope bytea, " +
  "created_at timestamptz, created_by text, mac bytea";
const ANSWER_TYPES = "principal text, key text, fingerprint bytea, status int, body jsonb, " +
  "created_at timestamptz";

/** The head changes only if every row is what it was read as: the MAC covers every column. */
const ALL_CURRENT = `(select count(*) from functions.secrets s, given g
  where s.id = g.id and s.mac = g.before_mac)`;
const CHANGED = `changed as (update functions.secrets s set description = g.description,
    version = g.version, expires_at = g.expires_at, updated_at = g.updated_at,
    updated_by = g.updated_by, deleted_at = g.deleted_at, oldest_version = g.oldest_version,
    absences = g.absences, mac = g.mac
  from given g, head where s.id = g.id and g.before_mac is not null)`;
const ADDED = `added as (insert into functions.secrets (${SECRET_COLUMNS})
  select ${SECRET_COLUMNS} from given, head where before_mac is null)`;
const TRIMMED = `trimmed as (delete from functions.secret_versions v using given g, head
  where v.secret_id = g.id and v.version < g.oldest_version)`;

/**
 * Stores changes of secrets of one place.
 *
 * @returns `false` when the head, or the `before` of a change, is no longer what is stored; then
 * nothing was written.
 * @throws {UniqueViolation} When a live secret has a name already, or an answer is remembered under
 * an idempotency key.
 */
export async function putSecrets(sql: Sql, write: PlaceWrite): Promise<boolean> {
  const { changes } = write;
  const [only] = changes;
  if (only !== undefined && changes.length === 1) return await putSecret(sql, write, only);
  const statement = new Statement();
  statement.given(changes.map(changeJson), `${SECRET_TYPES}, before_mac bytea`);
  const known = changes.filter((change) => change.before !== undefined);
  statement.head(write, known.length);
  if (known.length > 0) statement.part(CHANGED);
  if (known.length < changes.length) statement.part(ADDED);
  if (known.some((change) => change.after.oldestVersion > change.before!.oldestVersion)) {
    statement.part(TRIMMED);
  }
  const versions = changes.flatMap(({ version }) => version === undefined ? [] : [version]);
  statement.insert("secret_versions", versions.map(versionJson), VERSION_TYPES);
  const answers = changes.flatMap(({ answer }) => answer === undefined ? [] : [answer]);
  statement.insert("idempotency_keys", answers.map(answerJson), ANSWER_TYPES);
  return await statement.run(sql, write);
}

/**
 * Removes secrets for good.
 *
 * @returns `false` when the head or a row is no longer what is stored; then nothing was removed.
 */
export async function removeSecrets(sql: Sql, removal: PlaceRemoval): Promise<boolean> {
  const { rows } = removal;
  const statement = new Statement();
  const given = rows.map(({ id, mac }) => ({ id, before_mac: hex(mac) }));
  statement.given(given, "id uuid, before_mac bytea");
  statement.head(removal, rows.length);
  // The history goes with its secret: the foreign key cascades.
  statement.part(
    "removed as (delete from functions.secrets s using given g, head where s.id = g.id)",
  );
  return await statement.run(sql, removal);
}

/** A statement of several parts, each of which does nothing unless the head is changed. */
class Statement {
  readonly #values: SqlValue[] = [];
  readonly #parts: string[] = [];

  part(text: string): void {
    this.#parts.push(text);
  }

  given(list: readonly object[], types: string): void {
    this.part(`given as materialized (select * from ${this.#rows(list, types)})`);
  }

  head(change: HeadChange, known: number): void {
    const bind = this.#bind.bind(this);
    const current = known === 0 ? "" : ` and ${ALL_CURRENT} = ${bind(known, "bigint")}`;
    for (const part of headParts(change, bind, current)) this.part(part);
  }

  insert(table: string, list: readonly object[], types: string): void {
    if (list.length === 0) return;
    const columns = types.replace(/ \w+(?=,|$)/g, "");
    this.part(`${table} as (insert into functions.${table} (${columns})
      select ${columns} from head, ${this.#rows(list, types)})`);
  }

  async run(sql: Sql, change: HeadChange): Promise<boolean> {
    const payload = this.#bind(change.before.place ?? "", "text");
    const rows = await runHead(
      sql,
      change,
      `with ${this.#parts.join(",\n")}
       select pg_notify('${SECRETS_CHANNEL}', ${payload}) is null as told from head`,
      this.#values,
    );
    return rows.length === 1;
  }

  #bind(value: SqlValue, type: string): string {
    return `$${this.#values.push(value)}::${type}`;
  }

  #rows(list: readonly object[], types: string): string {
    const json = this.#bind(JSON.stringify(list), "text");
    return `json_to_recordset(${json}::json) as r(${types})`;
  }
}

function changeJson({ before, after }: SecretChange): object {
  return {
    id: after.id,
    scope: after.scope,
    namespace: after.namespace,
    name: after.name,
    description: after.description,
    version: after.version,
    expires_at: after.expiresAt,
    created_at: after.createdAt,
    updated_at: after.updatedAt,
    created_by: after.createdBy,
    updated_by: after.updatedBy,
    deleted_at: after.deletedAt,
    oldest_version: after.oldestVersion,
    absences: after.absences,
    mac: hex(after.mac),
    before_mac: before === undefined ? null : hex(before.mac),
  };
}

function versionJson(row: VersionRow): object {
  return {
    id: row.id,
    secret_id: row.secretId,
    version: row.version,
    envelope: hex(row.envelope),
    created_at: row.createdAt,
    created_by: row.createdBy,
    mac: hex(row.mac),
  };
}

function answerJson({ fingerprint, createdAt, ...rest }: RememberedAnswer): object {
  return { ...rest, fingerprint: hex(fingerprint), created_at: createdAt };
}

/** Bytes as `bytea` reads them. */
function hex(bytes: Uint8Array): string {
  return `\\x${bytes.toHex()}`;
}
