/**
 * Real databases for tests: each `open()` gives an empty, migrated one of its own.
 *
 * PostgreSQL is started once for the test process, or taken from `TEST_DATABASE_URL` (a user who
 * may create databases). The embedded database is made once and copied.
 *
 * @module
 */
import { openEmbedded } from "../../lib/store/embedded.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Database } from "../../lib/store/sql.ts";
import { PostgresServer } from "./postgres_server.ts";

/** A kind of database that tests are run over. */
export interface TestDatabase {
  readonly name: "postgres" | "embedded";
  /** Opens a new one. Closing it removes it. */
  open(): Promise<Database>;
}

const MIGRATIONS = new URL("../../migrations/", import.meta.url);
const TEMPLATE = "fluxbase_template";

/** Every kind of database. */
export const databases: readonly TestDatabase[] = [
  { name: "postgres", open: openTestPostgres },
  { name: "embedded", open: openTestEmbedded },
];

/** Runs `work` with a new database of the kind `name`, and removes it afterwards. */
export async function withDatabase<T>(
  name: TestDatabase["name"],
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const kind = databases.find((each) => each.name === name)!;
  const database = await kind.open();
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Makes a new, migrated database on the test server and returns its URL and how to drop it. */
export async function createPostgresDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = await sharedServer();
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  await administer(server, `create database ${name} template ${TEMPLATE}`);
  return {
    url: withName(server, name),
    drop: () => administer(server, `drop database if exists ${name} with (force)`),
  };
}

/** Makes a new, migrated data directory and returns it and how to remove it. */
export async function createEmbeddedDirectory(): Promise<
  { directory: string; remove(): Promise<void> }
> {
  const template = await sharedTemplate();
  const directory = await Deno.makeTempDir({ prefix: "fluxbase-embedded-" });
  await run("cp", ["-R", `${template}/.`, directory]);
  return { directory, remove: () => Deno.remove(directory, { recursive: true }) };
}

async function openTestPostgres(): Promise<Database> {
  const { url, drop } = await createPostgresDatabase();
  return thenClean(await openPostgres(url), drop);
}

async function openTestEmbedded(): Promise<Database> {
  const { directory, remove } = await createEmbeddedDirectory();
  return thenClean(await openEmbedded(directory), remove);
}

/** Returns `database` with a `close` that also removes what it stood on. */
function thenClean(database: Database, clean: () => Promise<void>): Database {
  const close = database.close.bind(database);
  database.close = async (graceMs) => {
    await close(graceMs);
    await clean();
  };
  return database;
}

let server: Promise<string> | undefined;

/** The server's URL. It is started with the first test that needs it and ends with the process. */
function sharedServer(): Promise<string> {
  server ??= startServer();
  return server;
}

async function startServer(): Promise<string> {
  const url = Deno.env.get("TEST_DATABASE_URL") ?? await startOwnServer();
  const name = await takeTemplateName(url);
  if (name === null) return url;
  const database = await openPostgres(withName(url, TEMPLATE));
  await migrate(database, MIGRATIONS);
  await database.close();
  return url;
}

async function takeTemplateName(url: string): Promise<string | null> {
  await administer(url, `create database ${TEMPLATE}`);
  return TEMPLATE;
}

async function startOwnServer(): Promise<string> {
  const own = await PostgresServer.create();
  await own.start();
  globalThis.addEventListener("unload", () => own.removeNow());
  return own.url;
}

async function administer(url: string, statement: string): Promise<void> {
  const database = await openPostgres(url, { max: 1 });
  try {
    await database.sql.query(statement);
  } finally {
    await database.close();
  }
}

function withName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

let template: Promise<string> | undefined;

function sharedTemplate(): Promise<string> {
  template ??= makeTemplate();
  return template;
}

async function makeTemplate(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "fluxbase-template-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
  const database = await openEmbedded(directory);
  await migrate(database, MIGRATIONS);
  await database.close();
  return directory;
}

async function run(program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
