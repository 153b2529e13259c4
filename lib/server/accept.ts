/**
 * Accepting at the start: for when nobody can be let in to accept anything, since it is the keys, or
 * the list of places, that were changed from outside.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { SCHEDULES_SET } from "../jobs/schedules.ts";
import type { Log } from "../log.ts";
import { EVERYTHING, type Principal } from "../principal/principal.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { DEPLOYMENTS_SET } from "../store/deployments.ts";
import { type RowSetSpec, RowSetStore } from "../store/row_sets.ts";
import { SERVICE_KEYS_SET } from "../store/service_keys.ts";
import { SETTINGS_SET } from "../store/settings.ts";
import type { Sql } from "../store/sql.ts";
import { openVerification } from "./verification.ts";

/** Whoever sets the server's configuration. */
const OPERATOR: Principal = { id: "FLUXBASE_ACCEPT", kind: "service_key", grants: [EVERYTHING] };

/**
 * Accepts places as they are.
 *
 * @param names Places as in `Verification.accept`; with `!` behind, what is damaged is discarded.
 * @throws {AppError} NOT_FOUND for an unknown set, INTEGRITY_VIOLATION when something is damaged.
 */
export async function acceptAtStart(
  names: readonly string[],
  { sql, ring, log }: { readonly sql: Sql; readonly ring: KeyRing; readonly log: Log },
): Promise<void> {
  const watch = new HeadWatch();
  const set = (spec: RowSetSpec) => new RowSetStore(spec, { ring, watch });
  const verification = openVerification({
    sql,
    ring,
    watch,
    tables: [],
    serviceKeys: set(SERVICE_KEYS_SET),
    deployments: set(DEPLOYMENTS_SET),
    schedules: set(SCHEDULES_SET),
    settings: set(SETTINGS_SET),
    checkRing: () => Promise.resolve({ problems: [], keys: 0 }),
    onPlace: () => {},
    onServiceKeys: () => {},
    onAccept: (place, by, accepted) => log.warn("accepted", { place, by, ...accepted }),
  });
  for (const name of names) {
    const discard = name.endsWith("!");
    await verification.accept(OPERATOR, discard ? name.slice(0, -1) : name, { discard });
  }
}
