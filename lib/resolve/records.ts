/**
 * Stored rows as the rest of the server sees them: what a store returns and what a MAC covers.
 *
 * @module
 */
import type { Namespace, ScopeName, SecretName, SecretRef } from "./ref.ts";

/** What a sealed value belongs to for as long as it exists. */
export interface SecretIdentity {
  /** UUID; a name that is deleted and made again gets another one. */
  readonly id: string;
  readonly scope: ScopeName;
  /** `null` in global scope. */
  readonly namespace: Namespace | null;
  readonly name: SecretName;
}

/** Everything about a secret but its value. Times have millisecond precision. */
export interface SecretMetadata extends SecretIdentity {
  readonly description: string | null;
  /** The current version, 1 or more. */
  readonly version: number;
  /** From this moment on the secret is absent; `null` means never. */
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Id of the principal; `null` when the server itself wrote it. */
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

/** Of a secret that was never brought back. Otherwise: `[[deleted, restored], …]`, epoch ms. */
export const NO_ABSENCES = "[]";

/** A row of `functions.secrets` before it is authenticated. */
export interface UnsignedSecretRow extends SecretMetadata {
  /** The lowest version that retention has left; every one from there to `version` is there. */
  readonly oldestVersion: number;
  /** JSON: when it was deleted and brought back; see {@linkcode NO_ABSENCES}. */
  readonly absences: string;
  /** When it was deleted; `null` while it is live. */
  readonly deletedAt: Date | null;
}

/** A row of `functions.secrets`. */
export interface SecretRow extends UnsignedSecretRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

/** One entry of a secret's history, without its value. */
export interface VersionMetadata {
  readonly id: string;
  readonly secretId: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly createdBy: string | null;
}

/** A row of `functions.secret_versions` before it is authenticated. */
export interface UnsignedVersionRow extends VersionMetadata {
  /** The sealed value. */
  readonly envelope: Uint8Array;
}

/** A row of `functions.secret_versions`. */
export interface VersionRow extends UnsignedVersionRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

/** A live secret together with the version that its row points to. */
export interface StoredSecret {
  readonly row: SecretRow;
  /** `undefined` when the row points to a version that isn't there. */
  readonly current: VersionRow | undefined;
}

/** The name of a secret, without the rest of its row. */
export function refOf(secret: SecretRef): SecretRef {
  return { namespace: secret.namespace, name: secret.name };
}

/** How a secret is called in a message: `API_KEY in namespace "production"` or `API_KEY (global)`. */
export function describeRef(ref: SecretRef): string {
  return ref.namespace === null
    ? `${ref.name} (global)`
    : `${ref.name} in namespace "${ref.namespace}"`;
}

/** Drops the columns that no reader outside the store and the vault needs. */
export function metadataOf(row: UnsignedSecretRow): SecretMetadata {
  const { id, scope, namespace, name, description, version, expiresAt } = row;
  const { createdAt, updatedAt, createdBy, updatedBy } = row;
  return {
    id,
    scope,
    namespace,
    name,
    description,
    version,
    expiresAt,
    createdAt,
    updatedAt,
    createdBy,
    updatedBy,
  };
}
