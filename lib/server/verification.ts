/**
 * Joins the parts of the walk over everything that is stored.
 *
 * @module
 */
import { verifyServiceKeyRow } from "../auth/service_key_rows.ts";
import { verifySchedule } from "../jobs/schedules.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { SealedTable } from "../keyring/sealed_table.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { openSetting, verifySettingRow } from "../resolve/setting_rows.ts";
import { settingRow } from "../store/settings.ts";
import { acceptRowSet } from "../store/row_set_making.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { serviceKeyRow } from "../store/service_keys.ts";
import { findBrokenCode } from "../store/deployments.ts";
import { storedDeployment } from "../store/deployment_rows.ts";
import { verifyDeploymentRow } from "../deploy/rows.ts";
import type { Row, Sql } from "../store/sql.ts";
import { acceptPlace, acceptPlaces } from "../vault/accept.ts";
import { vaultParts } from "../vault/verify.ts";
import { acceptAudit } from "../verify/audit_accept.ts";
import { auditPart } from "../verify/audit_part.ts";
import type { VerifyPart } from "../verify/part.ts";
import { rowsPart } from "../verify/rows_part.ts";
import { sealedParts } from "../verify/sealed_part.ts";
import { type Accept, type Accepted, damagedRows, Verification } from "../verify/verification.ts";
import { problemsOf } from "../verify/verify.ts";

/** What {@linkcode openVerification} needs. */
export interface VerificationOptions {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
  readonly tables: readonly SealedTable[];
  readonly serviceKeys: RowSetStore;
  readonly deployments: RowSetStore;
  readonly schedules: RowSetStore;
  readonly settings: RowSetStore;
  /** What is wrong with the key ring, in one sentence each. */
  checkRing(): Promise<{ readonly problems: readonly string[]; readonly keys: number }>;
  /** Called when a place may have other rows: `null` for the global scope. */
  onPlace(place: Namespace | null): void;
  /** Called when there may be other service keys. */
  onServiceKeys(): void;
  onAccept(place: string, by: string, accepted: Accepted): void;
}

/** Makes the verification of everything that is stored. */
export function openVerification(options: VerificationOptions): Verification {
  const { onPlace, onAccept } = options;
  const parts = [
    ringPart(options),
    ...vaultParts(options),
    serviceKeysPart(options),
    ...codeParts(options),
    schedulesPart(options),
    settingsPart(options),
    auditPart(options),
  ];
  return new Verification({
    parts: [...parts, ...sealedParts(options.tables, parts, options)],
    async acceptPlace(place, accept) {
      try {
        return await acceptPlace(options, place, accept);
      } finally {
        onPlace(place);
      }
    },
    acceptSets: {
      "@namespaces": async (accept) => {
        try {
          return await acceptPlaces(options, accept);
        } finally {
          onPlace(null);
        }
      },
      "@audit": (accept) => acceptAudit(options, accept),
      "@service_keys": acceptServiceKeys(options),
      "@settings": acceptSet(options, options.settings, (row) => {
        openSetting(options.ring, verifySettingRow(options.ring, settingRow(row)));
      }),
      "@job_schedules": acceptSet(options, options.schedules, (row) => {
        verifySchedule(options.ring, row);
      }),
      "@deployments": acceptSet(options, options.deployments, (row) => {
        verifyDeploymentRow(options.ring, storedDeployment(row).row);
      }),
    },
    onAccept,
  });
}

function ringPart({ checkRing }: VerificationOptions): VerifyPart {
  return {
    name: "key ring",
    tables: ["functions.data_keys"],
    async *walk() {
      const { problems, keys } = await checkRing();
      yield { checked: keys };
      for (const problem of problems) yield { problem };
    },
  };
}

function serviceKeysPart({ sql, ring, serviceKeys }: VerificationOptions): VerifyPart {
  return rowsPart({
    name: "service keys",
    sql,
    table: serviceKeys.spec.table,
    set: serviceKeys,
    check: (row) => void verifyServiceKeyRow(ring, serviceKeyRow(row)),
  });
}

function schedulesPart({ sql, ring, schedules }: VerificationOptions): VerifyPart {
  return rowsPart({
    name: "job schedules",
    sql,
    table: schedules.spec.table,
    set: schedules,
    check: (row) => void verifySchedule(ring, row),
  });
}

function settingsPart({ sql, ring, settings }: VerificationOptions): VerifyPart {
  return rowsPart({
    name: "settings",
    sql,
    table: settings.spec.table,
    large: "envelope",
    set: settings,
    check: (row) => void openSetting(ring, verifySettingRow(ring, settingRow(row))),
  });
}

function codeParts({ sql, ring, deployments }: VerificationOptions): VerifyPart[] {
  return [
    rowsPart({
      name: "deployments",
      sql,
      table: deployments.spec.table,
      set: deployments,
      check: (row) => void verifyDeploymentRow(ring, storedDeployment(row).row),
    }),
    {
      name: "code",
      tables: ["functions.code_blobs"],
      async *walk() {
        for (const { problem } of await findBrokenCode(sql)) yield { problem };
      },
    },
  ];
}

function acceptServiceKeys(options: VerificationOptions): Accept {
  const accept = acceptSet(options, options.serviceKeys, (row) => {
    verifyServiceKeyRow(options.ring, serviceKeyRow(row));
  });
  return async (how) => {
    try {
      return await accept(how);
    } finally {
      options.onServiceKeys();
    }
  };
}

function acceptSet(
  options: VerificationOptions,
  set: RowSetStore,
  check: (row: Row) => void,
): Accept {
  return async (how) => {
    const isSound = (row: Row) => problemsOf(() => check(row)).length === 0;
    const result = await acceptRowSet(options.sql, set.spec, options, { ...how, isSound });
    if (result.discarded > 0 && !how.discard) throw damagedRows(result.discarded);
    return result;
  };
}
