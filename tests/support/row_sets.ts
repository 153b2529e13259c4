/**
 * All sets of rows, opened as the server opens them.
 *
 * @module
 */
import type { KeyRing } from "../../lib/crypto/keyring.ts";
import { SCHEDULES_SET } from "../../lib/jobs/schedules.ts";
import type { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { ensureAudit } from "../../lib/store/audit_stream.ts";
import { DEPLOYMENTS_SET } from "../../lib/store/deployments.ts";
import { openRowSet } from "../../lib/store/row_set_making.ts";
import type { RowSetStore } from "../../lib/store/row_sets.ts";
import { SERVICE_KEYS_SET } from "../../lib/store/service_keys.ts";
import { SETTINGS_SET } from "../../lib/store/settings.ts";
import type { Sql } from "../../lib/store/sql.ts";
import { ensureHeads } from "../../lib/vault/adopt.ts";

/** Which rows there are of each kind. */
export interface RowSets {
  /** Of service keys. */
  readonly keySet: RowSetStore;
  readonly deployments: RowSetStore;
  readonly schedules: RowSetStore;
  readonly settings: RowSetStore;
}

/** Makes the heads where there are none, and opens the sets. */
export async function openRowSets(sql: Sql, ring: KeyRing, watch: HeadWatch): Promise<RowSets> {
  await ensureHeads(sql, ring);
  await ensureAudit(sql, ring);
  return {
    keySet: await openRowSet(sql, SERVICE_KEYS_SET, { ring, watch }),
    deployments: await openRowSet(sql, DEPLOYMENTS_SET, { ring, watch }),
    schedules: await openRowSet(sql, SCHEDULES_SET, { ring, watch }),
    settings: await openRowSet(sql, SETTINGS_SET, { ring, watch }),
  };
}
