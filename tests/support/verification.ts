/**
 * The walk over everything that is stored, as `main.ts` joins it.
 *
 * @module
 */
import { serviceKeyTable } from "../../lib/auth/sealed_tables.ts";
import { openKeyRing } from "../../lib/crypto/keyring.ts";
import { SCHEDULES_SET } from "../../lib/jobs/schedules.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { sealedTables } from "../../lib/server/sealed_tables.ts";
import { openVerification } from "../../lib/server/verification.ts";
import { listDataKeys } from "../../lib/store/data_keys.ts";
import { DEPLOYMENTS_SET } from "../../lib/store/deployments.ts";
import { type RowSetSpec, RowSetStore } from "../../lib/store/row_sets.ts";
import { SERVICE_KEYS_SET } from "../../lib/store/service_keys.ts";
import { SETTINGS_SET } from "../../lib/store/settings.ts";
import type { Sql } from "../../lib/store/sql.ts";
import type { Verification } from "../../lib/verify/verification.ts";
import { admin, type World } from "./world.ts";

/** Options of {@linkcode verificationOf}. */
export interface VerificationOptions {
  /** Where to look; default the world's own. */
  readonly sql?: Sql;
  /** What the server has seen; default nothing, as of one that has just started. */
  readonly watch?: HeadWatch;
}

/** The verification of a world. */
export function verificationOf(
  { ring, roots, database, resolver, auth }: World,
  { sql = database.sql, watch = new HeadWatch() }: VerificationOptions = {},
): Verification {
  const set = (spec: RowSetSpec) => new RowSetStore(spec, { ring, watch });
  const serviceKeys = set(SERVICE_KEYS_SET);
  const sets = {
    deployments: set(DEPLOYMENTS_SET),
    schedules: set(SCHEDULES_SET),
    settings: set(SETTINGS_SET),
  };
  return openVerification({
    sql,
    ring,
    watch,
    tables: sealedTables(watch, { tables: [serviceKeyTable(serviceKeys)] }, sets),
    serviceKeys,
    ...sets,
    async checkRing() {
      const stored = await listDataKeys(sql);
      openKeyRing(roots, stored);
      return { problems: [], keys: stored.length };
    },
    onPlace: (place) => resolver.invalidate(place),
    onServiceKeys: () => auth.invalidate(null),
    onAccept: () => {},
  });
}

/** What the walk finds wrong, the first `most` at least. */
export async function problemsOf(
  verification: Verification,
  most: number = Infinity,
): Promise<string[]> {
  const found: string[] = [];
  for await (const event of verification.verify(admin)) {
    if (event.type === "problem") found.push(`${event.part}: ${event.problem}`);
    if (found.length >= most) break;
  }
  return found;
}
