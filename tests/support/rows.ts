/**
 * Every row of a server's database, as it lies there.
 *
 * @module
 */
import { openEmbedded } from "../../lib/store/embedded.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Database, Sql } from "../../lib/store/sql.ts";
import type { Site } from "./site.ts";

/** One row: the table it is in, the whole of it as text, and its binary columns as bytes. */
export interface StoredRow {
  readonly table: string;
  readonly text: string;
  readonly binary: readonly Uint8Array[];
}

/** Opens the database of a site whose server has ended. */
export async function withDatabaseOf<T>(
  { databaseUrl, dataDir }: Site,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = databaseUrl === null
    ? await openEmbedded(`${dataDir}/database`)
    : await openPostgres(databaseUrl);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Reads all rows of all tables but the system's own. */
export async function allRows({ sql }: Database): Promise<StoredRow[]> {
  const tables = await sql<{ name: string }>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`;
  const rows: StoredRow[] = [];
  for (const { name } of tables) rows.push(...await rowsOf(sql, name));
  return rows;
}

async function rowsOf(sql: Sql, table: string): Promise<StoredRow[]> {
  const rows = await sql.query<{ text: string }>(
    `select to_jsonb(t)::text as text from ${table} t`,
  );
  return rows.map(({ text }) => ({ table, text, binary: binaryIn(text) }));
}

/** PostgreSQL writes bytes as `\x` and hexadecimal digits; JSON doubles the backslash. */
function binaryIn(text: string): Uint8Array[] {
  return [...text.matchAll(/\\\\x((?:[0-9a-f]{2})+)"/g)].map(([, hex]) => Uint8Array.fromHex(hex!));
}
