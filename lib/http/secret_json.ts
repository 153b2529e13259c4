/**
 * Secrets as JSON. There is no field for a value.
 *
 * @module
 */
import { isExpired } from "../resolve/precedence.ts";
import type { SecretMetadata, VersionMetadata } from "../resolve/records.ts";
import type { SecretStats, WriteResult } from "../vault/vault.ts";

/** Everything about a secret but its value; what is null is left out. */
export interface SecretJson {
  readonly id: string;
  readonly name: string;
  readonly scope: "global" | "namespace";
  readonly namespace?: string;
  readonly description?: string;
  readonly version: number;
  readonly expires_at?: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by?: string;
  readonly updated_by?: string;
  /** Only where there is something to tell. */
  readonly warnings?: readonly string[];
}

/** An item of a list. */
export interface SecretSummaryJson extends SecretJson {
  readonly is_expired: boolean;
}

/** An entry of a history. */
export interface VersionJson {
  readonly id: string;
  readonly secret_id: string;
  readonly version: number;
  readonly created_at: string;
  readonly created_by?: string;
}

/** Counts of secrets. */
export interface StatsJson {
  readonly total: number;
  readonly expiring_soon: number;
  readonly expired: number;
}

/** A secret as JSON. */
export function secretJson(secret: SecretMetadata): SecretJson {
  return {
    ...createdJson(secret),
    ...(secret.createdBy !== null && { created_by: secret.createdBy }),
    ...(secret.updatedBy !== null && { updated_by: secret.updatedBy }),
  };
}

/** A secret as JSON in the answer to its creation, which doesn't tell the caller who they are. */
export function createdJson(secret: SecretMetadata): SecretJson {
  const { id, name, scope, namespace, description, version, expiresAt } = secret;
  return {
    id,
    name,
    scope,
    ...(namespace !== null && { namespace }),
    ...(description !== null && { description }),
    version,
    ...(expiresAt !== null && { expires_at: expiresAt.toISOString() }),
    created_at: secret.createdAt.toISOString(),
    updated_at: secret.updatedAt.toISOString(),
  };
}

/** The answer to a write. */
export function writtenJson({ secret, warnings }: WriteResult, status: 200 | 201): SecretJson {
  const json = status === 201 ? createdJson(secret) : secretJson(secret);
  return warnings.length === 0 ? json : { ...json, warnings };
}

/** An item of a list as JSON, as of `now` (epoch milliseconds). */
export function summaryJson(secret: SecretMetadata, now: number): SecretSummaryJson {
  return { ...secretJson(secret), is_expired: isExpired(secret, now) };
}

/** An entry of a history as JSON. */
export function versionJson(entry: VersionMetadata): VersionJson {
  return {
    id: entry.id,
    secret_id: entry.secretId,
    version: entry.version,
    created_at: entry.createdAt.toISOString(),
    ...(entry.createdBy !== null && { created_by: entry.createdBy }),
  };
}

/** Counts as JSON. */
export function statsJson(stats: SecretStats): StatsJson {
  return { total: stats.total, expiring_soon: stats.expiringSoon, expired: stats.expired };
}
