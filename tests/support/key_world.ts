/**
 * A {@linkcode World} whose ring can be changed, joined as `main.ts` joins it.
 *
 * @module
 */
import { serviceKeyTable } from "../../lib/auth/sealed_tables.ts";
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
import { joinWorld, type World } from "./world.ts";

/** A world with what changes its ring. */
export interface KeyWorld extends World {
  readonly keeper: RingKeeper;
  readonly ringAdmin: KeyAdmin;
  readonly renewer: Renewer;
  readonly tables: readonly SealedTable[];
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
  const world: World = await joinWorld(database, { ring: keeper.ring, watch });
  changed = () => world.auth.invalidate(null);
  const set = new RowSetStore(SERVICE_KEYS_SET, { ring: keeper.ring, watch });
  const tables = sealedTables(watch, { tables: [serviceKeyTable(set)] });
  const renewer = new Renewer({
    database,
    ring: keeper.ring,
    tables,
    onError: (error) => problems.push(error),
    pace: { rest: 0, sliceMs: 1 },
  });
  const ringAdmin = new KeyAdmin({ sql: database.sql, keeper, tables, now });
  return { ...world, keeper, ringAdmin, renewer, tables, problems };
}
