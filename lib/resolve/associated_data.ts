/**
 * The bytes that bind stored data to its place: associated data of values, and messages of row MACs.
 *
 * A row's message holds every column but the MAC itself, so none of them can be changed unnoticed
 * by somebody who can write to the database but holds no key.
 *
 * @module
 */
import { canonical, type Field } from "../crypto/canonical.ts";
import { macKeyId } from "../crypto/envelope.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import {
  describeRef,
  NO_ABSENCES,
  type SecretIdentity,
  type SecretRow,
  type UnsignedSecretRow,
  type UnsignedVersionRow,
  type VersionRow,
} from "./records.ts";

const VALUE = "fluxbase/value/v1";
const SECRET_ROW = "fluxbase/row/secret/v2";
/** Before a row said which versions retention has left: then they are all there. */
const SECRET_ROW_V1 = "fluxbase/row/secret/v1";
const VERSION_ROW = "fluxbase/row/version/v1";

/**
 * What a value is sealed with: it opens for this secret and this version only.
 *
 * @example Usage
 * ```ts
 * import { assertNotEquals } from "@std/assert";
 * import { valueAssociatedData } from "./associated_data.ts";
 * import { parseSecretName } from "./ref.ts";
 *
 * const secret = {
 *   id: "0e3b7a52-2a52-4c5a-9a4e-0d8f4f1c2b3a",
 *   scope: "global",
 *   namespace: null,
 *   name: parseSecretName("API_KEY"),
 * } as const;
 * assertNotEquals(valueAssociatedData(secret, 1), valueAssociatedData(secret, 2));
 * ```
 */
export function valueAssociatedData(secret: SecretIdentity, version: number): Uint8Array {
  return canonical(VALUE, [secret.scope, secret.namespace, secret.name, secret.id, version]);
}

/** The message of the MAC of a row of `functions.secrets`. */
export function secretRowMessage(row: UnsignedSecretRow): Uint8Array {
  return canonical(SECRET_ROW, [...secretRowFields(row), row.oldestVersion, row.absences]);
}

function secretRowFields(row: UnsignedSecretRow): Field[] {
  return [
    row.id,
    row.scope,
    row.namespace,
    row.name,
    row.description,
    row.version,
    row.expiresAt,
    row.createdAt,
    row.updatedAt,
    row.createdBy,
    row.updatedBy,
    row.deletedAt,
  ];
}

/** The message of the MAC of a row of `functions.secret_versions`. */
export function versionRowMessage(row: UnsignedVersionRow): Uint8Array {
  const fields: Field[] = [
    row.id,
    row.secretId,
    row.version,
    row.envelope,
    row.createdAt,
    row.createdBy,
  ];
  return canonical(VERSION_ROW, fields);
}

/** Authenticates a row of `functions.secrets`. */
export function signSecretRow(ring: KeyRing, row: UnsignedSecretRow): SecretRow {
  return { ...row, mac: ring.mac("row", secretRowMessage(row)) };
}

/** Authenticates a row of `functions.secret_versions`. */
export function signVersionRow(ring: KeyRing, row: UnsignedVersionRow): VersionRow {
  return { ...row, mac: ring.mac("row", versionRowMessage(row)) };
}

/**
 * Lets a row of `functions.secrets` through if it is as the server wrote it.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the secret when it isn't.
 */
export function verifySecretRow(ring: KeyRing, row: SecretRow): SecretRow {
  if (isAuthentic(ring, () => secretRowMessage(row), row.mac)) return row;
  if (isOfVersion1(ring, row)) return row;
  throw tampered(`Row of secret ${describeRef(row)}`, row.mac);
}

/** Tells whether a row was written before rows said which versions retention has left. */
export function isOfVersion1(ring: KeyRing, row: SecretRow): boolean {
  return row.oldestVersion === 1 && row.absences === NO_ABSENCES &&
    isAuthentic(ring, () => canonical(SECRET_ROW_V1, secretRowFields(row)), row.mac);
}

/**
 * Lets a row of `functions.secret_versions` through if it is as the server wrote it and belongs to
 * `secret`.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the secret and the version when it isn't.
 */
export function verifyVersionRow(
  ring: KeyRing,
  secret: SecretIdentity,
  row: VersionRow,
): VersionRow {
  const genuine = row.secretId === secret.id &&
    isAuthentic(ring, () => versionRowMessage(row), row.mac);
  if (genuine) return row;
  throw tampered(`Version ${row.version} of secret ${describeRef(secret)}`, row.mac);
}

/**
 * Tells whether `mac` is that of the row whose message `message` makes. A row that has no message,
 * such as one with an infinite date, was not written by the server.
 */
export function isAuthentic(ring: KeyRing, message: () => Uint8Array, mac: Uint8Array): boolean {
  try {
    return ring.verifyMac("row", message(), mac);
  } catch {
    return false;
  }
}

/** Names the key that a MAC claims to be made with, so that a missing key can be told. */
function tampered(what: string, mac: Uint8Array): AppError {
  const keyId = macKeyId(mac) || "none";
  return new AppError("INTEGRITY_VIOLATION", `${what} is not as it was written (key ${keyId})`);
}
