/**
 * Deleted secrets, for as long as they are kept, and histories that are to be shortened.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";
import type { Namespace, SecretRef } from "../resolve/ref.ts";
import { type VisiblePart, visibleWhere } from "./secret_visible.ts";
import { SECRET_COLUMNS, secretRow } from "./secret_rows.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** What deleted secrets to list. */
export interface DeletedQuery {
  readonly visible: readonly VisiblePart[];
  /** `null`: those of the global scope alone; left out: all. */
  readonly place?: Namespace | null;
  /** The last one of the page before. */
  readonly after?: DeletedPosition;
  readonly limit: number;
}

/** Where a page ended. */
export interface DeletedPosition {
  readonly deletedAt: Date;
  readonly id: string;
}

/** Deleted secrets, the last deleted first. */
export async function listDeleted(sql: Sql, query: DeletedQuery): Promise<SecretRow[]> {
  const { where, bind, values } = visibleWhere(query.visible);
  const terms = [where, "deleted_at is not null"];
  if (query.place !== undefined) terms.push(inPlace(query.place, bind));
  if (query.after !== undefined) {
    const { deletedAt, id } = query.after;
    terms.push(
      `(deleted_at, id) < (${bind(deletedAt)}::timestamptz, ${bind(id)}::uuid)`,
    );
  }
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where ${terms.join(" and ")}
     order by deleted_at desc, id desc limit ${bind(query.limit)}::int`,
    values,
  );
  return rows.map(secretRow);
}

/** Every row of a name, live and deleted, the last deleted of the deleted ones first. */
export async function findAllOfName(
  sql: Sql,
  { namespace, name }: SecretRef,
): Promise<SecretRow[]> {
  const values: SqlValue[] = [name];
  const bind = (value: SqlValue) => `$${values.push(value)}`;
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where name = $1 and ${inPlace(namespace, bind)}
     order by deleted_at desc nulls first, id desc`,
    values,
  );
  return rows.map(secretRow);
}

/** The live secrets of a place with these names. */
export async function findLive(
  sql: Sql,
  place: Namespace | null,
  names: readonly string[],
): Promise<SecretRow[]> {
  const values: SqlValue[] = [names];
  const bind = (value: SqlValue) => `$${values.push(value)}`;
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets
     where name = any($1::text[]) and ${inPlace(place, bind)} and deleted_at is null`,
    values,
  );
  return rows.map(secretRow);
}

/** Up to `limit` secrets that were deleted before `before`, the oldest first. */
export async function findDeletedBefore(
  sql: Sql,
  before: Date,
  limit: number,
): Promise<SecretRow[]> {
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where deleted_at < $1::timestamptz
     order by deleted_at, id limit $2::int`,
    [before, limit],
  );
  return rows.map(secretRow);
}

/** A secret whose history is to begin later. */
export interface LongHistory {
  readonly row: SecretRow;
  readonly oldest: number;
}

/** How much of histories is kept; `null` is no limit. */
export interface HistoryLimits {
  /** How many versions, the current one among them. */
  readonly versions: number | null;
  /** What was replaced before this is not kept. */
  readonly replacedBefore: Date | null;
}

/** Up to `limit` secrets with more history than is kept. */
export async function findLongHistories(
  sql: Sql,
  { versions, replacedBefore }: HistoryLimits,
  limit: number,
): Promise<LongHistory[]> {
  const rows = await sql.query(
    `select * from (
       select ${SECRET_COLUMNS.replace(/(\w+)/g, "s.$1")}, greatest(
         s.version - coalesce($1::int, s.version) + 1,
         (select max(v.version) from functions.secret_versions v
          where v.secret_id = s.id and v.created_at < $2::timestamptz)
       ) as oldest from functions.secrets s where s.version > s.oldest_version
     ) long where oldest > oldest_version order by id limit $3::int`,
    [versions, replacedBefore, limit],
  );
  return rows.map((row) => ({ row: secretRow(row), oldest: row.oldest as number }));
}

function inPlace(place: Namespace | null, bind: (value: SqlValue) => string): string {
  return place === null ? "namespace is null" : `namespace = ${bind(place)}`;
}
