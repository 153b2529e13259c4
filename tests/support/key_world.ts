/**
 * A {@linkcode World} whose ring can be changed, joined as `main.ts` joins it.
 *
 * @module
 */
import { serviceKeyTable } from "../../lib/auth/sealed_tables.ts";
import { TokenRenewal } from "../../lib/auth/token_renewal.ts";
import { gateDatabase } from "../../lib/keyring/gate.ts";
import { KeyAdmin } from "../../lib/keyring/key_admin.ts";
import { Renewer } from "../../lib/keyring/renewer.ts";
import { RingKeeper } from "../../lib/keyring/ring_keeper.ts";
import { localRoot, type Root, type RootProvider } from "../../lib/keyring/root.ts";
import type { SealedTable } from "../../lib/keyring/sealed_table.ts";
import { generateRootKey, parseRootKeys, type RootKey } from "../../lib/crypto/root_key.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { sealedTables } from "../../lib/server/sealed_tables.ts";
import { RowSetStore } from "../../lib/store/row_sets.ts";
import { SERVICE_KEYS_SET } from "../../lib/store/service_keys.ts";
import type { Database } from "../../lib/store/sql.ts";
import { databases, openShared } from "./databases.ts";
import { emptyDatabase, joinWorld, type World } from "./world.ts";

/** A world with what changes its ring. */
export interface KeyWorld extends World {
  readonly keeper: RingKeeper;
  readonly ringAdmin: KeyAdmin;
  readonly renewer: Renewer;
  readonly tables: readonly SealedTable[];
  /** What is behind keys that are used. */
  readonly sealTokens: TokenRenewal;
  /** What went wrong behind. */
  readonly problems: unknown[];
}

/** Makes a root key. */
export function newRoot(): RootKey {
  return parseRootKeys(generateRootKey().text)[0]!;
}

/** A provider of roots that can be changed. */
export function provide(...keys: RootKey[]): RootProvider & { roots: Root[] } {
  const roots = keys.map(localRoot);
  return { from: "test", roots, read: () => Promise.resolve([...roots]) };
}

/** Joins a server over `inner`. Two over one database are two replicas. */
export async function joinKeyWorld(
  inner: Database,
  provider: RootProvider,
  now: () => Date = () => new Date(),
): Promise<KeyWorld> {
  const problems: unknown[] = [];
  let changed = () => {};
  const keeper = await RingKeeper.open({
    sql: inner.sql,
    provider,
    onProblem: (error) => problems.push(error),
    onChange: () => changed(),
  });
  const database = gateDatabase(inner, keeper);
  const watch = new HeadWatch();
  const { ring } = keeper;
  const set = new RowSetStore(SERVICE_KEYS_SET, { ring, watch });
  const onError = (error: unknown) => void problems.push(error);
  const sealTokens = new TokenRenewal({ sql: database.sql, ring, set, onError });
  const world: World = await joinWorld(database, {
    ring,
    watch,
    onVerified: (row, token) => sealTokens.note(row, token),
  });
  changed = () => world.auth.invalidate(null);
  const tables = sealedTables(watch, { tables: [serviceKeyTable(set)] }, world);
  const renewer = new Renewer({
    database,
    ring,
    tables,
    onError,
    pace: { rest: 0, sliceMs: 1 },
  });
  const ringAdmin = new KeyAdmin({ sql: database.sql, keeper, tables, now });
  return { ...world, keeper, ringAdmin, renewer, tables, sealTokens, problems };
}

/**
 * Makes a function that registers a test once for each kind of database, each time with an empty
 * one; the tests of a file share them.
 */
export function testOnEmptyDatabases(): (
  name: string,
  work: (database: Database) => Promise<void>,
) => void {
  const open = new Map<string, Database>();
  Deno.test.beforeAll(async () => {
    for (const kind of databases) open.set(kind.name, await openShared(kind));
  });
  Deno.test.afterAll(async () => {
    for (const database of open.values()) await database.close();
  });
  return (name, work) => {
    for (const kind of databases) {
      Deno.test(`${name} (${kind.name})`, async () => {
        const database = open.get(kind.name)!;
        await emptyDatabase(database);
        await work(database);
      });
    }
  };
}
