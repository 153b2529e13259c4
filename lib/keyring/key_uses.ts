/**
 * How much is still under which key.
 *
 * @module
 */
import { countKeyUses } from "../store/renewal.ts";
import type { Sql } from "../store/sql.ts";
import type { SealedTable } from "./sealed_table.ts";

/** Uses by key id, and for each key by table. */
export type UsesByKey = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Counts what every table has under every key. Reads the tables whole. */
export async function countUses(sql: Sql, tables: readonly SealedTable[]): Promise<UsesByKey> {
  const found = new Map<string, Map<string, number>>();
  for (const { table, columns } of tables) {
    for (const [id, uses] of await countKeyUses(sql, table, columns)) {
      const byTable = found.get(id) ?? new Map<string, number>();
      byTable.set(table, uses);
      found.set(id, byTable);
    }
  }
  return found;
}

/** All uses of one key. */
export function usesOf(uses: UsesByKey, keyId: string): number {
  return [...uses.get(keyId)?.values() ?? []].reduce((sum, count) => sum + count, 0);
}

/** Uses as text: `120 in functions.secret_versions, 3 in functions.service_keys`. */
export function usesText(uses: UsesByKey, keyId: string): string {
  return [...uses.get(keyId) ?? []].map(([table, count]) => `${count} in ${table}`).join(", ");
}
