/**
 * How records of the audit are stored: always as a part of the statement that moves their head.
 *
 * @module
 */
import type { ActorKind } from "../audit/entry.ts";
import type { AuditFloor, AuditRecord } from "../audit/record.ts";
import { AppError } from "../errors.ts";
import { describePlace, type Place } from "../resolve/head.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";
import { UniqueViolation } from "./sql_error.ts";

/** Adds a value to a statement and gives its placeholder. */
export type Bind = (value: SqlValue, type: string) => string;

/** The unique key that two records of one revision would break. */
const CHAIN_KEY = "audit_chain";

type Value = (record: AuditRecord) => SqlValue;

/** Column, type, and where its value is. */
const COLUMNS: readonly (readonly [string, string, Value])[] = [
  ["stream", "text", ({ stream }) => stream],
  ["first_revision", "bigint", ({ firstRevision }) => firstRevision],
  ["last_revision", "bigint", ({ lastRevision }) => lastRevision],
  ["at", "timestamptz", ({ at }) => at],
  ["action", "text", ({ action }) => action],
  ["outcome", "text", ({ outcome }) => outcome],
  ["principal", "text", ({ principal }) => principal],
  ["principal_kind", "text", ({ principalKind }) => principalKind],
  ["address", "text", ({ address }) => address],
  ["request_id", "text", ({ requestId }) => requestId],
  ["execution_id", "uuid", ({ executionId }) => executionId],
  ["namespace", "text", ({ namespace }) => namespace],
  ["name", "text", ({ name }) => name],
  ["version", "int", ({ version }) => version],
  ["count", "bigint", ({ count }) => count],
  ["detail", "text", ({ detail }) => detail],
  ["mac", "bytea", ({ mac }) => mac],
];

/** The columns of `app.audit`, as SQL. */
export const AUDIT_COLUMNS: string = COLUMNS.map(([name]) => name).join(", ");
const TYPES = COLUMNS.map(([name, type]) => `${name} ${type}`).join(", ");

/**
 * The part of a statement that stores `records`.
 *
 * @param from A part that has a row exactly when they are to be stored; `null` for always.
 */
export function insertRecordsText(
  records: readonly AuditRecord[],
  from: string | null,
  bind: Bind,
): string {
  const [only] = records;
  const into = `insert into app.audit (${AUDIT_COLUMNS})`;
  if (only !== undefined && records.length === 1) {
    // A parameter for each column: such a plan is found sooner than that of a list.
    const values = COLUMNS.map(([, type, value]) => bind(value(only), type)).join(", ");
    return `${into} select ${values}${from === null ? "" : ` from ${from}`}`;
  }
  const list = `json_to_recordset(${bind(JSON.stringify(records.map(json)), "text")}::json)`;
  const before = from === null ? "" : `${from}, `;
  return `${into} select ${COLUMNS.map(([name]) => `r.${name}`).join(", ")}
    from ${before}${list} as r(${TYPES})`;
}

/** Stores records by themselves, in the transaction that stores their head. */
export async function insertRecords(sql: Sql, records: readonly AuditRecord[]): Promise<void> {
  if (records.length === 0) return;
  const values: SqlValue[] = [];
  const text = insertRecordsText(
    records,
    null,
    (value, type) => `$${values.push(value)}::${type}`,
  );
  await explainChain(records[0]!.stream, () => sql.query(text, values));
}

/** The first revision that a record of a stream covers. */
export async function firstRecorded(sql: Sql, stream: Place): Promise<number | undefined> {
  const [where, values] = ofStream(stream);
  const [row] = await sql.query<Row & { first: number | null }>(
    `select min(first_revision) as first from app.audit where ${where}`,
    values,
  );
  return row?.first == null ? undefined : Number(row.first);
}

/** A page of the records of a stream, in the order of revisions, from `from` on. */
export async function pageOfStream(
  sql: Sql,
  stream: Place,
  from: number,
  limit: number,
): Promise<AuditRecord[]> {
  const [where, values] = ofStream(stream, 3);
  const rows = await sql.query(
    `select ${AUDIT_COLUMNS} from app.audit
     where first_revision >= $1::bigint and ${where} order by first_revision limit $2::int`,
    [from, limit, ...values],
  );
  return rows.map(auditRecord);
}

/** Every stream that has records or a floor. */
export async function listStreams(sql: Sql): Promise<Place[]> {
  // Looks at one row for each stream, however many records there are.
  const rows = await sql<{ stream: Place }>`
    with recursive streams as (
      (select stream from app.audit where stream is not null order by stream limit 1)
      union all
      select (select a.stream from app.audit a where a.stream > s.stream order by a.stream limit 1)
      from streams s where s.stream is not null
    )
    select stream from streams where stream is not null
    union select null where exists (select from app.audit where stream is null)
    union select stream from app.audit_floors`;
  return rows.map(({ stream }) => stream);
}

/** Every floor. */
export async function listFloors(sql: Sql): Promise<AuditFloor[]> {
  const rows = await sql<Row & { stream: Place; revision: number; mac: Uint8Array }>`
    select stream, revision, mac from app.audit_floors`;
  return rows.map(floorOf);
}

/** The floor of a stream, if it has one. */
export async function findFloor(sql: Sql, stream: Place): Promise<AuditFloor | undefined> {
  const rows = await sql<Row & { stream: Place; revision: number; mac: Uint8Array }>`
    select stream, revision, mac from app.audit_floors
    where stream is not distinct from ${stream}::text`;
  return rows.map(floorOf)[0];
}

/** Stores a floor in the place of any other of its stream. */
export async function putFloor(sql: Sql, floor: AuditFloor): Promise<void> {
  await removeFloor(sql, floor.stream);
  await sql`insert into app.audit_floors (stream, revision, mac)
    values (${floor.stream}, ${floor.revision}, ${floor.mac})`;
}

/** Removes a floor. */
export async function removeFloor(sql: Sql, stream: Place): Promise<void> {
  await sql`delete from app.audit_floors where stream is not distinct from ${stream}::text`;
}

/** Removes a record. */
export async function removeRecord(
  sql: Sql,
  { stream, firstRevision }: Pick<AuditRecord, "stream" | "firstRevision">,
): Promise<void> {
  const [where, values] = ofStream(stream, 2);
  await sql.query(
    `delete from app.audit where first_revision = $1::bigint and ${where}`,
    [firstRevision, ...values],
  );
}

/** Reads a row of `app.audit_floors`. */
export function floorOf(row: Row): AuditFloor {
  return {
    stream: row.stream as Place,
    revision: Number(row.revision),
    mac: row.mac as Uint8Array,
  };
}

/** The last revision of a stream that any record, or what was removed of them, covers; 0 for none. */
export async function lastRecorded(sql: Sql, stream: Place): Promise<number> {
  const [where, values] = ofStream(stream);
  // The first revisions are in the order of the last ones, and have an index.
  const [row] = await sql.query<Row & { last: number }>(
    `select greatest(0, (select revision - 1 from app.audit_floors where ${where}),
       (select last_revision from app.audit where ${where}
        order by first_revision desc limit 1)) as last`,
    values,
  );
  return Number(row!.last);
}

/** A condition that an index serves, unlike `is not distinct from`. */
function ofStream(stream: Place, at: number = 1): [string, SqlValue[]] {
  return stream === null ? ["stream is null", []] : [`stream = $${at}::text`, [stream]];
}

/**
 * Runs what stores records.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when there are records of those revisions already: then the
 * head is an old copy.
 */
export async function explainChain<T>(stream: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation) || error.constraint !== CHAIN_KEY) throw error;
    throw new AppError(
      "INTEGRITY_VIOLATION",
      `Records of the audit go beyond the head of ${describePlace(stream)}: it is an old copy`,
      { cause: error },
    );
  }
}

/** Reads a row of `app.audit`. */
export function auditRecord(row: Row): AuditRecord {
  return {
    stream: row.stream as Place,
    firstRevision: Number(row.first_revision),
    lastRevision: Number(row.last_revision),
    at: row.at as Date,
    action: row.action as string,
    outcome: row.outcome as AuditRecord["outcome"],
    principal: row.principal as string | null,
    principalKind: row.principal_kind as ActorKind,
    address: row.address as string | null,
    requestId: row.request_id as string | null,
    executionId: row.execution_id as string | null,
    namespace: row.namespace as string | null,
    name: row.name as string | null,
    version: row.version as number | null,
    count: Number(row.count),
    detail: row.detail as string | null,
    mac: row.mac as Uint8Array,
  };
}

function json(record: AuditRecord): object {
  return Object.fromEntries(COLUMNS.map(([name, type, value]) => [
    name,
    type === "bytea" ? `\\x${record.mac.toHex()}` : value(record),
  ]));
}
