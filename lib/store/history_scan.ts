/**
 * Histories that are not whole.
 *
 * @module
 */
import type { Namespace, ScopeName, SecretName } from "../resolve/ref.ts";
import type { Place } from "../resolve/head.ts";
import { SECRET_COLUMNS, secretRow } from "./secret_rows.ts";
import type { SecretRow, VersionMetadata } from "../resolve/records.ts";
import type { Row, Sql } from "./sql.ts";

/** A secret whose versions are not the ones from its oldest to its current. */
export interface BrokenHistory extends Row {
  readonly id: string;
  readonly scope: ScopeName;
  readonly namespace: Namespace | null;
  readonly name: SecretName;
  readonly version: number;
  readonly oldest_version: number;
}

/** The most that are told. */
const MAX_BROKEN = 10_000;

/** Secrets, live and deleted, with a gap in their history, or more than there should be. */
export function findBrokenHistories(sql: Sql): Promise<BrokenHistory[]> {
  return sql.query<BrokenHistory>(
    `select s.id, s.scope, s.namespace, s.name, s.version, s.oldest_version
     from functions.secrets s left join (
       select secret_id, min(version) as first, max(version) as last, count(*) as count
       from functions.secret_versions group by secret_id
     ) v on v.secret_id = s.id
     where v.first is distinct from s.oldest_version or v.last is distinct from s.version
       or v.count is distinct from s.version::bigint - s.oldest_version + 1
     order by s.id limit ${MAX_BROKEN}`,
  );
}

/** Every namespace that secrets are in, and whether any are in the global scope (`null`). */
export async function listSecretPlaces(sql: Sql): Promise<(Namespace | null)[]> {
  const rows = await sql<{ namespace: Namespace | null }>`
    select distinct namespace from functions.secrets`;
  return rows.map(({ namespace }) => namespace);
}

/** When versions of these secrets were made, without their values; oldest first. */
export async function listVersionTimes(
  sql: Sql,
  secretIds: readonly string[],
): Promise<VersionMetadata[]> {
  const rows = await sql.query<RawVersionTime>(
    `select id, secret_id, version, created_at, created_by from functions.secret_versions
     where secret_id = any($1::text[]::uuid[]) order by secret_id, version`,
    [secretIds],
  );
  return rows.map((row) => ({
    id: row.id,
    secretId: row.secret_id,
    version: row.version,
    createdAt: row.created_at,
    createdBy: row.created_by,
  }));
}

/** A version without its value, as SQL gives it. */
interface RawVersionTime extends Row {
  id: string;
  secret_id: string;
  version: number;
  created_at: Date;
  created_by: string | null;
}

/** The MACs of all rows of a place, live and deleted. */
export async function listRowMacs(
  sql: Sql,
  place: Place,
): Promise<{ mac: Uint8Array; deletedAt: Date | null }[]> {
  const [where, values] = place === null ? ["is null", []] : ["= $1", [place]];
  const rows = await sql.query<{ mac: Uint8Array; deleted_at: Date | null }>(
    `select mac, deleted_at from functions.secrets where namespace ${where}`,
    values,
  );
  return rows.map(({ mac, deleted_at }) => ({ mac, deletedAt: deleted_at }));
}

/** A page of a place's secrets, live and deleted, in the order of ids. */
export async function pageOfPlace(
  sql: Sql,
  place: Place,
  after: string,
  limit: number,
): Promise<SecretRow[]> {
  const [where, values] = place === null
    ? ["namespace is null", [after, limit]]
    : ["namespace = $3", [after, limit, place]];
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where ${where} and id > $1::uuid
     order by id limit $2::int`,
    values,
  );
  return rows.map(secretRow);
}
