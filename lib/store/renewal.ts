/**
 * The store's part in making rows anew under the newest keys: which rows are not, and their
 * replacement, compared and set.
 *
 * Rows are gone through in the order in which they lie in the table, so that each batch begins
 * where the one before ended, whatever the table's key is. A row that moves meanwhile is found in
 * the next round.
 *
 * @module
 */
import type { Row, Sql, SqlValue } from "./sql.ts";

/** How many rows use a key, by key id, for each column that a table has them in. */
export type KeyUses = ReadonlyMap<string, number>;

/** A column with a key's id, as an SQL expression that gives it as hex, or null. */
export interface KeyColumn {
  readonly id: string;
  /** What the rows must be made anew for when this is not the primary key. */
  readonly purpose: "value" | "row" | "token" | "digest";
}

/** The id in a MAC, and in all that begins like one. */
export function macKey(column: string): string {
  return `encode(substring(${column} from 1 for 8), 'hex')`;
}

/** The id in an envelope. */
export function envelopeKey(column: string): string {
  return `encode(substring(${column} from 2 for 8), 'hex')`;
}

/**
 * Counts the rows of `table` by the keys in `columns`. Reads the whole table, a part at a time: rows
 * that move meanwhile may be missed, unless `sql` is a transaction in {@linkcode oneSnapshot}.
 */
export async function countKeyUses(
  sql: Sql,
  table: string,
  columns: readonly KeyColumn[],
): Promise<KeyUses> {
  const list = columns.map(({ id }) => `(${id})`).join(", ");
  const uses = new Map<string, number>();
  for (let from = 0; from < await countBlocks(sql, table); from += BLOCKS) {
    const rows = await sql.query<Row & { id: string; uses: number }>(
      `select k.id, count(*) as uses from ${table}, lateral (values ${list}) as k (id)
       where ${table}.ctid >= $1::text::tid and ${table}.ctid < $2::text::tid
         and k.id is not null group by k.id`,
      [`(${from},0)`, `(${from + BLOCKS},0)`],
    );
    for (const row of rows) uses.set(row.id, (uses.get(row.id) ?? 0) + Number(row.uses));
  }
  return uses;
}

/** Runs `work` in a transaction whose statements all see the database as it is at one moment. */
export function oneSnapshot<T>(sql: Sql, work: (tx: Sql) => Promise<T>): Promise<T> {
  return sql.transaction(async (tx) => {
    await tx`set transaction isolation level repeatable read`;
    return await work(tx);
  });
}

async function countBlocks(sql: Sql, table: string): Promise<number> {
  const [row] = await sql.query<Row & { blocks: number }>(
    `select ceil(pg_relation_size($1::text::regclass)::float8 /
       current_setting('block_size')::float8)::int as blocks`,
    [table],
  );
  return row!.blocks;
}

/** What to look for. */
export interface StaleQuery {
  readonly table: string;
  /** The columns to read, as SQL; with those of joined tables, the table is called `t`. */
  readonly select: string;
  /** Joins, as SQL. */
  readonly join?: string;
  readonly columns: readonly KeyColumn[];
  /** The largest column, by which a batch is bounded. */
  readonly large?: string;
}

/** A batch of rows under other keys than the primary ones. */
export interface StaleBatch {
  readonly rows: readonly (Row & { at: string })[];
  /** Where the next batch begins; `null` after the last one. */
  readonly next: string | null;
}

/** Where the first batch begins. */
export const TABLE_START = "(0,0)";
/** How much of a table one statement reads at most, in blocks: others wait for it. */
const BLOCKS = 1_024;
/** Sealed bytes in a batch, unless one row alone has more. */
const MAX_BYTES = 512 * 1_024;

/**
 * Finds rows of `query` that are under other keys than `primaries`, one for each of its columns.
 *
 * @param after Where to begin.
 */
export async function findStale(
  sql: Sql,
  query: StaleQuery,
  primaries: readonly string[],
  after: string,
  limit: number,
): Promise<StaleBatch> {
  const { table, select, join = "", columns, large } = query;
  const stale = columns.map(({ id }, i) => `${id} <> $${i + 4}`).join(" or ");
  const end = blockOf(after) + BLOCKS;
  const rows = await sql.query<Row & { at: string }>(
    `with page as (select t.ctid as at, ${large ? `octet_length(t.${large})` : "0"} as bytes
       from ${table} t where t.ctid > $1::text::tid and t.ctid < $2::text::tid and (${stale})
       limit $3::int),
     part as (select at, sum(bytes) over (order by at) - bytes as before from page)
     select t.ctid::text as at, ${select} from part join ${table} t on t.ctid = part.at ${join}
     where part.before < ${MAX_BYTES} order by t.ctid`,
    [after, `(${end},0)`, limit, ...primaries],
  );
  if (rows.length > 0) return { rows, next: rows.at(-1)!.at };
  return { rows, next: end < await countBlocks(sql, table) ? `(${end},0)` : null };
}

/** The block of a place such as `(12,3)`. */
function blockOf(place: string): number {
  return Number(/^\((\d+),/.exec(place)?.[1] ?? 0);
}

/** A row's new bytes. */
export interface Renewed {
  /** Where it was when it was read. */
  readonly at: string;
  readonly before: Uint8Array;
  /** By column. */
  readonly values: Readonly<Record<string, Uint8Array>>;
}

/**
 * Stores rows that were made anew, each only if it is still what was read.
 *
 * @returns Those that were.
 */
export async function storeRenewed<R extends Renewed>(
  sql: Sql,
  table: string,
  rows: readonly R[],
): Promise<R[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const columns = Object.keys(first.values);
  const values: SqlValue[] = [
    rows.map(({ at }) => at),
    rows.map(({ before }) => before.toHex()),
    ...columns.map((column) => rows.map((row) => row.values[column]!.toHex())),
  ];
  const set = columns.map((column) => `${column} = decode(n.${column}, 'hex')`).join(", ");
  const stored = await sql.query<Row & { at: string }>(
    `update ${table} t set ${set} from
       unnest(${values.map((_, i) => `$${i + 1}::text[]`).join(", ")})
         as n (at, before, ${columns.join(", ")})
     where t.ctid = n.at::tid and t.mac = decode(n.before, 'hex') returning n.at`,
    values,
  );
  const places = new Set(stored.map(({ at }) => at));
  return rows.filter(({ at }) => places.has(at));
}
