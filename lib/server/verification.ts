/**
 * Joins the parts of the walk over everything that is stored.
 *
 * @module
 */
import { verifyServiceKeyRow } from "../auth/service_key_rows.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { SealedTable } from "../keyring/sealed_table.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { serviceKeyRow } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import { acceptPlace, acceptPlaces } from "../vault/accept.ts";
import { vaultParts } from "../vault/verify.ts";
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
  const parts = [ringPart(options), ...vaultParts(options), serviceKeysPart(options)];
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
      "@service_keys": acceptServiceKeys(options),
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

function acceptServiceKeys(
  { sql, ring, serviceKeys, onServiceKeys }: VerificationOptions,
): Accept {
  return async ({ discard }) => {
    try {
      const isSound = (row: Parameters<typeof serviceKeyRow>[0]) =>
        problemsOf(() => verifyServiceKeyRow(ring, serviceKeyRow(row))).length === 0;
      const result = await serviceKeys.accept(sql, isSound, discard);
      if (result.discarded > 0 && !discard) throw damagedRows(result.discarded);
      return result;
    } finally {
      onServiceKeys();
    }
  };
}
