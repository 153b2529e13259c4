/**
 * Versions of a secret that are there: what is beyond its history was put there by somebody else.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { verifyVersionRow } from "../resolve/associated_data.ts";
import { describeRef, type SecretRow, type VersionRow } from "../resolve/records.ts";
import { openVersion } from "../resolve/resolver.ts";
import { findVersion } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";

/**
 * Opens a version of a secret.
 *
 * @param row The secret, verified.
 * @throws {AppError} VERSION_NOT_FOUND when it isn't kept.
 * @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE when it is not as it was written.
 */
export async function openKept(
  sql: Sql,
  ring: KeyRing,
  row: SecretRow,
  number: number,
): Promise<Plaintext> {
  const isKept = number >= row.oldestVersion && number <= row.version;
  const version = isKept ? await findVersion(sql, row.id, number) : undefined;
  if (version === undefined) {
    throw new AppError("VERSION_NOT_FOUND", `Version ${number} not found`);
  }
  return openVersion(ring, row, verifyVersionRow(ring, row, version));
}

/**
 * Lets a history through that is whole.
 *
 * @param versions Newest first.
 * @throws {AppError} INTEGRITY_VIOLATION when one is missing or too many.
 */
export function keptVersions(row: SecretRow, versions: readonly VersionRow[]): VersionRow[] {
  if (isWhole(row, versions)) return [...versions];
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `History of secret ${describeRef(row)} is not ${row.oldestVersion} to ${row.version}`,
  );
}

/** Tells whether versions, newest first, are just the ones that a secret has. */
export function isWhole(
  { version: newest, oldestVersion }: SecretRow,
  versions: readonly VersionRow[],
): boolean {
  return versions.length === newest - oldestVersion + 1 &&
    versions.every(({ version }, index) => version === newest - index);
}
