/**
 * Records made rows again: sealed and authenticated under this server's own keys.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { signServiceKeyRow } from "../auth/service_key_rows.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { signCodeVersion, signDeployment } from "../deploy/rows.ts";
import type { Schedule } from "../jobs/schedules.ts";
import type { Grant } from "../principal/principal.ts";
import { signSecretRow, signVersionRow, valueAssociatedData } from "../resolve/associated_data.ts";
import type { SecretIdentity, SecretRow, VersionRow } from "../resolve/records.ts";
import { type Namespace, parseNamespace, parseSecretName } from "../resolve/ref.ts";
import { sealSetting, type SettingRow, signSettingRow } from "../resolve/setting_rows.ts";
import { parseSettingKey, parseUserId, settingScope } from "../resolve/setting_ref.ts";
import { isFunctionName } from "../runtime/code/layout.ts";
import { parseDescription, parseSecretValue } from "../resolve/value.ts";
import { bytea } from "../store/backup_rows.ts";
import type { CodeVersionRow, DeploymentRow } from "../store/deployment_rows.ts";
import type { ServiceKeyRow } from "../store/service_keys.ts";
import { refusedBackup } from "./cipher.ts";
import type { RecordOf } from "./records.ts";

/** @throws {AppError} INVALID_INPUT when a name breaks a rule. */
export function sealSecret(ring: KeyRing, data: RecordOf<"secret">): SecretRow {
  return signSecretRow(ring, {
    id: data.id,
    scope: data.namespace === null ? "global" : "namespace",
    namespace: namespaceOf(data.namespace),
    name: parseSecretName(data.name),
    description: data.description === null ? null : parseDescription(data.description),
    version: data.version,
    oldestVersion: data.oldest_version,
    absences: data.absences,
    expiresAt: data.expires_at,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
    createdBy: data.created_by,
    updatedBy: data.updated_by,
    deletedAt: data.deleted_at,
  });
}

/** Seals a version of `secret`. */
export function sealVersion(
  ring: KeyRing,
  secret: SecretIdentity,
  data: Omit<RecordOf<"version">, "secret_id">,
): VersionRow {
  const value = parseSecretValue(data.value);
  return signVersionRow(ring, {
    id: data.id,
    secretId: secret.id,
    version: data.version,
    envelope: ring.seal(value, valueAssociatedData(secret, data.version)),
    createdAt: data.created_at,
    createdBy: data.created_by,
  });
}

/** @throws {AppError} INVALID_INPUT when a name breaks a rule. */
export function sealSettingRow(ring: KeyRing, data: RecordOf<"setting">): SettingRow {
  const userId = data.user_id === null ? null : parseUserId(data.user_id);
  const place = {
    id: data.id,
    key: parseSettingKey(data.key),
    scope: settingScope({ userId }),
    userId,
    description: data.description === null ? null : parseDescription(data.description),
    revision: data.revision,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
    createdBy: data.created_by,
    updatedBy: data.updated_by,
  };
  const envelope = sealSetting(ring, place, parseSecretValue(data.value));
  return signSettingRow(ring, { ...place, envelope });
}

/**
 * A service key as a record of what there was. Its MAC was made by another ring and can't be made
 * anew without the key itself, so it is revoked, and nothing matches it.
 */
export function revokedKey(
  ring: KeyRing,
  data: RecordOf<"serviceKey">,
  now: Date,
): ServiceKeyRow {
  return signServiceKeyRow(ring, {
    id: data.id,
    prefix: data.prefix,
    name: data.name,
    kind: "key",
    tokenMac: ring.mac("token", new Uint8Array(randomBytes(32))),
    previousMac: null,
    previousUntil: null,
    grants: data.grants as Grant[],
    cidrs: data.cidrs,
    createdAt: data.created_at,
    createdBy: data.created_by,
    expiresAt: data.expires_at,
    revokedAt: data.revoked_at ?? now,
  });
}

/** @throws {AppError} INVALID_INPUT when the namespace breaks a rule. */
export function sealDeployment(ring: KeyRing, data: RecordOf<"deployment">): DeploymentRow {
  return signDeployment(ring, {
    id: data.id,
    kind: data.kind,
    namespace: namespaceOf(data.namespace),
    name: data.name,
    version: data.version,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
    createdBy: data.created_by,
    updatedBy: data.updated_by,
    deletedAt: data.deleted_at,
  });
}

/** Authenticates a version of deployed code. */
export function sealCodeVersion(
  ring: KeyRing,
  data: RecordOf<"deploymentVersion">,
): CodeVersionRow {
  return signCodeVersion(ring, {
    deploymentId: data.deployment_id,
    version: data.version,
    hash: data.hash,
    settings: data.settings,
    restored: data.restored,
    createdAt: data.created_at,
    createdBy: data.created_by,
  });
}

/** @throws {AppError} INVALID_INPUT when a name breaks a rule, or the payload is not JSON. */
export function readSchedule(data: RecordOf<"schedule">): Schedule {
  if (!isFunctionName(data.name)) throw refusedBackup("a schedule is of no job that could be");
  if (!isJson(data.payload)) throw refusedBackup("the payload of a schedule is not JSON");
  return {
    name: data.name,
    namespace: namespaceOf(data.namespace),
    cron: data.cron,
    timezone: data.timezone,
    payload: data.payload,
    principal: data.principal,
    createdAt: data.created_at,
    updatedAt: data.updated_at,
  };
}

/** A row by its columns' names, as `insertRows` takes it. */
export function columnsOf(row: object): object {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value instanceof Uint8Array ? bytea(value) : value,
    ]),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function namespaceOf(namespace: string | null): Namespace | null {
  return namespace === null ? null : parseNamespace(namespace);
}
