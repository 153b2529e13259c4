/**
 * Brings a database's schema up to date with numbered SQL files, each applied once and never
 * changed afterwards.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Database, Sql } from "./sql.ts";

/** A file `NNNN_name.sql`. */
interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  readonly sha256: Uint8Array;
}

/** A row of `functions.migrations`. */
interface Applied extends Record<string, unknown> {
  readonly version: number;
  readonly sha256: Uint8Array;
}

const FILE = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Any number will do, so long as all migrators of this product use the same. */
const LOCK = 5_302_417_639;
const LEDGER = `
  create schema if not exists functions;
  create table if not exists functions.migrations (
    version int primary key,
    name text not null,
    sha256 bytea not null,
    applied_at timestamptz not null
  );`;

/**
 * Applies the migrations that `database` does not have yet, all in one transaction, and returns
 * their number. Any number of processes may do this at once: one does it, the others wait.
 *
 * @param migrationsDir A `file:` URL of a directory, ending in `/`.
 * @throws {AppError} CONFIG_INVALID when a file that was applied has changed or is gone, or the
 * database was migrated by a newer program.
 */
export async function migrate(database: Database, migrationsDir: URL): Promise<number> {
  const migrations = await readMigrations(migrationsDir);
  return await database.sql.transaction(async (sql) => {
    await sql.script(`select pg_advisory_xact_lock(${LOCK})`);
    await sql.script(LEDGER);
    const applied = await sql<Applied>`
      select version, sha256 from functions.migrations order by version`;
    assertHistory(applied, migrations);
    const missing = migrations.slice(applied.length);
    for (const migration of missing) await apply(sql, migration);
    return missing.length;
  });
}

async function apply(sql: Sql, { version, name, text, sha256 }: Migration): Promise<void> {
  await sql.script(text);
  await sql`
    insert into functions.migrations (version, name, sha256, applied_at)
    values (${version}, ${name}, ${sha256}, ${new Date()})`;
}

/** What was applied must be the beginning of what there is, unchanged. */
function assertHistory(applied: readonly Applied[], migrations: readonly Migration[]): void {
  for (const [index, { version, sha256 }] of applied.entries()) {
    const migration = migrations[index];
    if (migration === undefined) {
      throw invalid(`The database has migration ${version}, which this program does not know`);
    }
    if (migration.version !== version) {
      throw invalid(`Migration ${migration.version} was put before the applied ${version}`);
    }
    if (migration.sha256.toHex() !== sha256.toHex()) {
      throw invalid(`Migration ${migration.name} was changed after it had been applied`);
    }
  }
}

async function readMigrations(directory: URL): Promise<Migration[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    if (entry.name.endsWith(".sql")) names.push(entry.name);
  }
  const migrations = await Promise.all(names.sort().map((name) => read(directory, name)));
  for (const [index, { version, name }] of migrations.entries()) {
    if (version === migrations[index - 1]?.version) {
      throw invalid(`Migration ${name} has the number of another`);
    }
  }
  return migrations;
}

async function read(directory: URL, name: string): Promise<Migration> {
  const number = FILE.exec(name)?.[1];
  if (number === undefined) throw invalid(`Migration ${name} must be named NNNN_name.sql`);
  const bytes = await Deno.readFile(new URL(name, directory));
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { version: Number(number), name, text: new TextDecoder().decode(bytes), sha256 };
}

function invalid(message: string): AppError {
  return new AppError("CONFIG_INVALID", message);
}
