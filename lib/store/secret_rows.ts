/**
 * Rows of `functions.secrets` and `functions.secret_versions` as domain values.
 *
 * @module
 */
import type { SecretRow, StoredSecret, VersionMetadata, VersionRow } from "../resolve/records.ts";
import type { Namespace, ScopeName, SecretName } from "../resolve/ref.ts";
import type { Row } from "./sql.ts";

/** The columns of `functions.secrets`, in the order of every statement here. */
export const SECRET_COLUMNS = "id, scope, namespace, name, description, version, expires_at, " +
  "created_at, updated_at, created_by, updated_by, deleted_at, oldest_version, " +
  "absences, mac";

/** The columns of `functions.secret_versions`. */
export const VERSION_COLUMNS = "id, secret_id, version, envelope, created_at, created_by, mac";

/** The columns of `functions.secrets` as SQL types them. */
interface RawSecret extends Row {
  id: string;
  scope: ScopeName;
  namespace: Namespace | null;
  name: SecretName;
  description: string | null;
  version: number;
  expires_at: Date | null;
  created_at: Date;
  updated_at: Date;
  created_by: string | null;
  updated_by: string | null;
  deleted_at: Date | null;
  oldest_version: number;
  absences: string;
  mac: Uint8Array;
}

/** The columns of `functions.secret_versions` as SQL types them. */
interface RawVersion extends Row {
  id: string;
  secret_id: string;
  version: number;
  envelope: Uint8Array;
  created_at: Date;
  created_by: string | null;
  mac: Uint8Array;
}

/** A live secret joined with its current version, whose columns have the prefix `v_`. */
interface RawStored extends RawSecret {
  v_id: string | null;
  v_version: number;
  v_envelope: Uint8Array;
  v_created_at: Date;
  v_created_by: string | null;
  v_mac: Uint8Array;
}

/** Reads a row of `functions.secrets`. */
export function secretRow(row: Row): SecretRow {
  const raw = row as RawSecret;
  return {
    id: raw.id,
    scope: raw.scope,
    namespace: raw.namespace,
    name: raw.name,
    description: raw.description,
    version: raw.version,
    expiresAt: raw.expires_at,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
    createdBy: raw.created_by,
    updatedBy: raw.updated_by,
    deletedAt: raw.deleted_at,
    oldestVersion: raw.oldest_version,
    absences: raw.absences,
    mac: raw.mac,
  };
}

/** Reads a row of `functions.secret_versions`. */
export function versionRow(row: Row): VersionRow {
  const raw = row as RawVersion;
  return {
    id: raw.id,
    secretId: raw.secret_id,
    version: raw.version,
    envelope: raw.envelope,
    createdAt: raw.created_at,
    createdBy: raw.created_by,
    mac: raw.mac,
  };
}

/** Reads a secret joined with its current version, if that is there. */
export function storedSecret(row: Row): StoredSecret {
  const raw = row as RawStored;
  const current = raw.v_id === null ? undefined : {
    id: raw.v_id,
    secretId: raw.id,
    version: raw.v_version,
    envelope: raw.v_envelope,
    createdAt: raw.v_created_at,
    createdBy: raw.v_created_by,
    mac: raw.v_mac,
  };
  return { row: secretRow(row), current };
}

/** Drops what a history doesn't show. */
export function versionMetadata(row: VersionRow): VersionMetadata {
  const { id, secretId, version, createdAt, createdBy } = row;
  return { id, secretId, version, createdAt, createdBy };
}
