/**
 * The store of heads.
 *
 * @module
 */
import {
  type Head,
  NAMESPACES,
  type Place,
  type SetName,
  type SignedPlace,
} from "../resolve/head.ts";
import { assertCovers, type AuditRecord } from "../audit/record.ts";
import type { Namespace } from "../resolve/ref.ts";
import { type Bind, explainChain, insertRecords, insertRecordsText } from "./audit_rows.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";

const COLUMNS = "namespace, revision, live_count, live_digest, deleted_count, deleted_digest, mac";
/** A head that is not adopted yet has nulls; like this they are part of no MAC. */
const NOTHING = new Uint8Array(0);
const NO_COUNT = -1;

/** A head as SQL gives it. */
export interface RawHead extends Row {
  namespace: Place;
  revision: number;
  live_count: number | null;
  live_digest: Uint8Array | null;
  deleted_count: number | null;
  deleted_digest: Uint8Array | null;
  mac: Uint8Array | null;
}

/** Finds the head of a place. `forUpdate` keeps everybody else from writing there. */
export async function findHead(
  sql: Sql,
  place: Place,
  options: { forUpdate?: boolean } = {},
): Promise<Head | undefined> {
  const [where, values] = place === null ? ["is null", []] : ["= $1", [place]];
  const lock = options.forUpdate === true ? " for update" : "";
  const rows = await sql.query<RawHead>(
    `select ${COLUMNS} from functions.heads where namespace ${where}${lock}`,
    values,
  );
  return rows[0] === undefined ? undefined : head(rows[0]);
}

/** All heads, in the order of places; the global scope comes first. */
export async function listHeads(sql: Sql): Promise<Head[]> {
  const rows = await sql.query<RawHead>(
    `select ${COLUMNS} from functions.heads order by namespace collate "C" nulls first`,
  );
  return rows.map(head);
}

/** The registry of namespaces, and every namespace and set that there is, in one snapshot. */
export async function listPlaces(
  sql: Sql,
): Promise<{ registry: Head | undefined; places: SignedPlace[] }> {
  const rows = await sql.query<RawHead & { place_mac: Uint8Array | null }>(
    `select ${COLUMNS}, place_mac from functions.heads
     where namespace is not null`,
  );
  const registry = rows.find((row) => row.namespace === NAMESPACES);
  const places = rows.filter((row) => row !== registry).map((row) => ({
    namespace: row.namespace as Namespace | SetName,
    mac: row.place_mac ?? NOTHING,
  }));
  return { registry: registry && head(registry), places };
}

/**
 * Adds a head.
 *
 * @param placeMac What authenticates a namespace as one.
 * @param records What led to its revision; none where it is 0, or goes on after records of a former
 * head.
 * @throws {UniqueViolation} When there is one of this place.
 */
export async function insertHead(
  sql: Sql,
  { place, revision, live, deleted, mac }: Head,
  placeMac: Uint8Array | null,
  records: readonly AuditRecord[],
): Promise<void> {
  const after = records[0] === undefined ? revision : records[0].firstRevision - 1;
  assertCovers({ stream: place, after, to: revision }, records);
  await insertRecords(sql, records);
  await sql`insert into functions.heads (namespace, revision, live_count, live_digest,
      deleted_count, deleted_digest, mac, place_mac)
    values (${place}, ${revision}, ${live.count}, ${live.digest}, ${deleted.count},
      ${deleted.digest}, ${mac}, ${placeMac})`;
}

/** A change of a head, with the records that cover the revisions in between. */
export interface HeadChange {
  readonly before: Head;
  readonly after: Head;
  readonly records: readonly AuditRecord[];
}

/**
 * Puts `after` in the place of `before`, which must be locked or looked at again.
 *
 * @returns `false` when `before` is no longer what is stored; then nothing was written.
 */
export async function updateHead(sql: Sql, change: HeadChange): Promise<boolean> {
  const values: SqlValue[] = [];
  const parts = headParts(change, (value, type) => `$${values.push(value)}::${type}`);
  return (await runHead(sql, change, `with ${parts.join(", ")} select stored from head`, values))
    .length === 1;
}

/**
 * Runs a statement with {@linkcode headParts}.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when the head is an old copy.
 */
export function runHead(
  sql: Sql,
  { before }: HeadChange,
  text: string,
  values: readonly SqlValue[],
): Promise<readonly Row[]> {
  return explainChain(before.place, () => sql.query(text, values));
}

/** Puts a head there, whatever is stored of the place; `records` as for {@linkcode insertHead}. */
export async function putHead(
  sql: Sql,
  after: Head,
  placeMac: Uint8Array | null,
  records: readonly AuditRecord[],
): Promise<void> {
  await removeHead(sql, after.place);
  await insertHead(sql, after, placeMac, records);
}

/** Replaces what authenticates a namespace as one; the caller holds the registry's head. */
export async function replacePlaceMac(sql: Sql, place: Place, mac: Uint8Array): Promise<void> {
  await sql`update functions.heads set place_mac = ${mac} where namespace = ${place}`;
}

/** Removes the head of a place. */
export async function removeHead(sql: Sql, place: Place): Promise<void> {
  await sql`delete from functions.heads where namespace is not distinct from ${place}::text`;
}

/**
 * The first parts of a statement that changes a head: `head`, which compares and sets and has a row
 * when it did, and `recorded`, which stores the records.
 *
 * @param condition More that must hold for the head to be changed; begins with ` and`.
 */
export function headParts(
  { before, after, records }: HeadChange,
  bind: Bind,
  condition: string = "",
): [string, string] {
  const { place: stream, revision } = before;
  assertCovers({ stream, after: revision, to: after.revision }, records);
  return [
    `head as (${updateHeadText(before, after, bind)}${condition} returning 1 as stored)`,
    `recorded as (${insertRecordsText(records, "head", bind)})`,
  ];
}

function updateHeadText(
  before: Head,
  { revision, live, deleted, mac }: Head,
  bind: Bind,
): string {
  const place = before.place === null ? "is null" : `= ${bind(before.place, "text")}`;
  return `update functions.heads set revision = ${bind(revision, "bigint")},
      live_count = ${bind(live.count, "bigint")}, live_digest = ${bind(live.digest, "bytea")},
      deleted_count = ${bind(deleted.count, "bigint")},
      deleted_digest = ${bind(deleted.digest, "bytea")}, mac = ${bind(mac, "bytea")}
    where namespace ${place} and mac = ${bind(before.mac, "bytea")}`;
}

/** Reads a row of `functions.heads`. */
export function head(raw: RawHead): Head {
  return {
    place: raw.namespace,
    revision: raw.revision,
    live: { count: raw.live_count ?? NO_COUNT, digest: raw.live_digest ?? NOTHING },
    deleted: { count: raw.deleted_count ?? NO_COUNT, digest: raw.deleted_digest ?? NOTHING },
    mac: raw.mac ?? NOTHING,
  };
}
