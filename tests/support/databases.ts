/**
 * Real databases for tests: each `open()` gives an empty, migrated one of its own.
 *
 * PostgreSQL is started once for a test process, or taken from `TEST_DATABASE_URL` (a user who
 * may create databases). The embedded database is made once and copied.
 *
 * @module
 */
import { openEmbedded } from "../../lib/store/embedded.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Database } from "../../lib/store/sql.ts";
import { PostgresServer } from "./postgres_server.ts";
import { oncePerProcess, run, sharedDirectory } from "./shared.ts";

/** A kind of database that tests are run over. */
export interface TestDatabase {
  readonly name: "postgres" | "embedded";
  /** Opens a new one. Closing it removes it. */
  open(options?: OpenOptions): Promise<Database>;
}

/** What both drivers' options have in common. */
export interface OpenOptions {
  readonly deadlineMs?: number;
  readonly waitMs?: number;
}

const POSTGRES_CONNECTIONS = 10;
const TEMPLATE = "fluxbase_template";
const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** Every kind of database. */
export const databases: readonly TestDatabase[] = [
  { name: "postgres", open: openTestPostgres },
  { name: "embedded", open: openTestEmbedded },
];

/**
 * Opens a database that several tests use one after another. All of its connections are open
 * before the first: one that a busy test asked for and that opens when it has ended would be taken
 * for a leak of that test.
 */
export async function openShared(kind: TestDatabase): Promise<Database> {
  const database = await kind.open();
  if (kind.name === "postgres") await openConnections(database, POSTGRES_CONNECTIONS);
  return database;
}

/** Runs `work` with a new database of the kind `name`, and removes it afterwards. */
export async function withDatabase<T>(
  name: TestDatabase["name"],
  work: (database: Database) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const kind = databases.find((each) => each.name === name)!;
  const database = await kind.open(options);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Makes a new, migrated database and returns its URL and how to drop it. */
export async function createPostgresDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const given = Deno.env.get("TEST_DATABASE_URL");
  const server = given ?? await ownServer();
  const name = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const url = withName(server, name);
  if (given === undefined) {
    await administer(server, `create database ${name} template ${TEMPLATE}`);
  } else {
    await administer(server, `create database ${name}`);
    await migrateAt(url);
  }
  return { url, drop: () => administer(server, `drop database ${name} with (force)`) };
}

/** Makes a new, migrated data directory and returns it and how to remove it. */
export async function createEmbeddedDirectory(): Promise<
  { directory: string; remove(): Promise<void> }
> {
  const template = await sharedTemplate();
  const directory = `${await sharedDirectory()}/embedded-${crypto.randomUUID()}`;
  await run("cp", "-R", template, directory);
  return { directory, remove: () => Deno.remove(directory, { recursive: true }) };
}

async function openTestPostgres(options?: OpenOptions): Promise<Database> {
  const { url, drop } = await createPostgresDatabase();
  return thenClean(await openPostgres(url, { max: POSTGRES_CONNECTIONS, ...options }), drop);
}

async function openTestEmbedded(options?: OpenOptions): Promise<Database> {
  const { directory, remove } = await createEmbeddedDirectory();
  return thenClean(await openEmbedded(directory, options), remove);
}

/** Holds `count` transactions open at once: each of them has a connection of its own. */
async function openConnections({ sql }: Database, count: number): Promise<void> {
  const all = Promise.withResolvers<void>();
  let open = 0;
  const holdOne = () =>
    sql.transaction(async () => {
      if (++open === count) all.resolve();
      await all.promise;
    });
  await Promise.all(Array.from({ length: count }, holdOne));
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

/** The URL of a server that the first test to need it starts, and that ends with the process. */
function ownServer(): Promise<string> {
  return oncePerProcess("postgres", async () => {
    const server = await PostgresServer.create();
    await server.startDetached();
    await administer(server.url, `create database ${TEMPLATE}`);
    await migrateAt(withName(server.url, TEMPLATE));
    return server.url;
  });
}

async function migrateAt(url: string): Promise<void> {
  const database = await openPostgres(url, { max: 1 });
  try {
    await migrate(database, MIGRATIONS);
  } finally {
    await database.close();
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const database = await openPostgres(url, { max: 1 });
  try {
    await database.sql.script(statement);
  } finally {
    await database.close();
  }
}

function withName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

function sharedTemplate(): Promise<string> {
  return oncePerProcess("embedded", async () => {
    const directory = `${await sharedDirectory()}/embedded-template`;
    const database = await openEmbedded(directory);
    await migrate(database, MIGRATIONS);
    await database.close();
    return directory;
  });
}
