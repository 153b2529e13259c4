/**
 * Every table with something made by keys of the ring, in the order in which they are made anew.
 *
 * @module
 */
import type { StartedAuth } from "../auth/start.ts";
import { deploymentTables } from "../deploy/sealed_tables.ts";
import { jobTables } from "../jobs/sealed_tables.ts";
import { AUDIT_TABLES } from "../keyring/audit_tables.ts";
import type { SealedTable } from "../keyring/sealed_table.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { settingTables } from "../settings/sealed_tables.ts";
import { vaultTables } from "../vault/sealed_tables.ts";

/** Joins what each room tells of its tables. Heads come last: rows are made anew with theirs. */
export function sealedTables(
  watch: HeadWatch,
  identity: Pick<StartedAuth, "tables">,
  sets: Readonly<Record<"deployments" | "schedules" | "settings", Pick<RowSetStore, "transact">>>,
): readonly SealedTable[] {
  return [
    ...settingTables(sets.settings),
    ...identity.tables,
    ...deploymentTables(sets.deployments),
    ...jobTables(sets.schedules),
    ...AUDIT_TABLES,
    ...vaultTables(watch),
  ];
}
