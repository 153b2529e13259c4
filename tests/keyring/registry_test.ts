/** Every column that is made with a key is known to rotation, and guarded by the database. */
import { assert, assertEquals } from "@std/assert";
import { serviceKeyTable } from "../../lib/auth/sealed_tables.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { sealedTables } from "../../lib/server/sealed_tables.ts";
import { withDatabase } from "../support/databases.ts";

/** Bytes that are made with no key. */
const OTHERS = new Set(["functions.migrations.sha256", "functions.code_blobs.code"]);
/** What the ring itself stands in. */
const RING = "functions.data_keys.wrapped";
/** Made together with the row's MAC, under the same key. */
const WITH_MAC = new Set(["live_digest", "deleted_digest", "place_mac", "previous_mac"]);

interface Column extends Record<string, unknown> {
  readonly table: string;
  readonly name: string;
}

Deno.test("no column of sealed or authenticated bytes is left out of rotation", async () => {
  await withDatabase("postgres", async ({ sql }) => {
    const columns = (await sql<Column>`
      select table_schema || '.' || table_name as table, column_name as name
      from information_schema.columns
      where table_schema in ('functions', 'app') and data_type = 'bytea'`)
      .filter(({ table, name }) => !OTHERS.has(`${table}.${name}`) && `${table}.${name}` !== RING);
    // Nothing is read: only the names are looked at.
    const set = { transact: () => Promise.reject(new Error("not here")) };
    const identity = { tables: [serviceKeyTable(set)] };
    const known = new Map(
      sealedTables(new HeadWatch(), identity, { deployments: set, schedules: set, settings: set })
        .map((
          each,
        ) => [each.table, each.columns]),
    );
    const guards = new Set(
      (await sql<{ guard: string }>`
        select event_object_schema || '.' || event_object_table || '.' ||
          substring(trigger_name from 7) as guard
        from information_schema.triggers where trigger_name like 'guard\\_%'`)
        .map(({ guard }) => guard),
    );
    assert(columns.length > 10);
    for (const { table, name } of columns) {
      const ids = known.get(table)?.map(({ id }) => id) ?? [];
      assert(ids.some((id) => new RegExp(`\\b${name}\\b`).test(id)), `${table}.${name} is unknown`);
      if (!WITH_MAC.has(name)) assert(guards.has(`${table}.${name}`), `${table}.${name}: no guard`);
    }
    for (const table of known.keys()) {
      assertEquals(columns.some((column) => column.table === table), true, table);
    }
  });
});
