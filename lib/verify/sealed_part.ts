/**
 * Parts of tables that say how their rows are made anew: whoever can do that can check them.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import type { SealedTable } from "../keyring/sealed_table.ts";
import type { Sql } from "../store/sql.ts";
import type { VerifyPart } from "./part.ts";
import { rowsPart } from "./rows_part.ts";

/** The parts of those of `tables` that can be checked row by row and no part of `parts` is about. */
export function sealedParts(
  tables: readonly SealedTable[],
  parts: readonly VerifyPart[],
  { sql, ring }: { readonly sql: Sql; readonly ring: KeyRing },
): VerifyPart[] {
  const known = new Set(parts.flatMap((part) => part.tables));
  return tables.flatMap(({ table, check }) => {
    if (check === undefined || known.has(table)) return [];
    const { select, join, large, row } = check;
    return rowsPart({
      name: table.replace(/^\w+\./, "").replaceAll("_", " "),
      sql,
      table,
      select,
      ...(join !== undefined && { join }),
      ...(large !== undefined && { large }),
      check: (each) => row(ring, each),
    });
  });
}
