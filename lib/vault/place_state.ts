/**
 * Everything that a place has and had, checked.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import type { SecretRow, VersionMetadata } from "../resolve/records.ts";
import { listVersionTimes, pageOfPlace } from "../store/history_scan.ts";
import type { Sql } from "../store/sql.ts";
import type { SecretPlace } from "./head_keeper.ts";

const PAGE = 500;
const FIRST = "00000000-0000-0000-0000-000000000000";

/** The rows of a place and the times of their versions. */
export interface PlaceState {
  /** Live and deleted. */
  readonly rows: readonly SecretRow[];
  /** By the secret's id, oldest first. A version is checked when its value is opened. */
  readonly versions: ReadonlyMap<string, readonly VersionMetadata[]>;
}

/**
 * Reads a place.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when a row is not as it was written.
 */
export async function readPlace(sql: Sql, ring: KeyRing, place: SecretPlace): Promise<PlaceState> {
  const rows: SecretRow[] = [];
  const versions = new Map<string, VersionMetadata[]>();
  for (let after: string | null = FIRST; after !== null;) {
    const page: SecretRow[] = await pageOfPlace(sql, place, after, PAGE);
    for (const row of page) rows.push(verifySecretRow(ring, row));
    for (const version of await listVersionTimes(sql, page.map(({ id }) => id))) {
      const own = versions.get(version.secretId);
      if (own === undefined) versions.set(version.secretId, [version]);
      else own.push(version);
    }
    after = page.at(-1)?.id ?? null;
  }
  return { rows, versions };
}
