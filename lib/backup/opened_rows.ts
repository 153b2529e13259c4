/**
 * Rows made records: checked, and opened where they are sealed. `sealed_rows.ts` is the way back.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { verifyCodeVersion } from "../deploy/rows.ts";
import type { Schedule } from "../jobs/schedules.ts";
import { verifyVersionRow } from "../resolve/associated_data.ts";
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import { openVersion } from "../resolve/resolver.ts";
import { openSetting, type SettingRow, verifySettingRow } from "../resolve/setting_rows.ts";
import type { CodeVersionRow, DeploymentRow } from "../store/deployment_rows.ts";
import type { ServiceKeyRow } from "../store/service_keys.ts";
import type { BackupRecord } from "./records.ts";

/** The record of a secret, without its versions. The row must be verified. */
export function secretRecord(row: SecretRow): BackupRecord {
  return {
    kind: "secret",
    data: {
      id: row.id,
      namespace: row.namespace,
      name: row.name,
      description: row.description,
      version: row.version,
      oldest_version: row.oldestVersion,
      absences: row.absences,
      expires_at: row.expiresAt,
      created_at: row.createdAt,
      updated_at: row.updatedAt,
      created_by: row.createdBy,
      updated_by: row.updatedBy,
      deleted_at: row.deletedAt,
    },
  };
}

/**
 * The record of a version, with its value.
 *
 * @param secret Verified.
 * @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE.
 */
export function versionRecord(ring: KeyRing, secret: SecretRow, row: VersionRow): BackupRecord {
  const value = openVersion(ring, secret, verifyVersionRow(ring, secret, row)).reveal();
  return {
    kind: "version",
    data: {
      id: row.id,
      secret_id: secret.id,
      version: row.version,
      value,
      created_at: row.createdAt,
      created_by: row.createdBy,
    },
  };
}

/**
 * The record of a setting, with its value.
 *
 * @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE.
 */
export function settingRecord(ring: KeyRing, stored: SettingRow): BackupRecord {
  const row = verifySettingRow(ring, stored);
  return {
    kind: "setting",
    data: {
      id: row.id,
      key: row.key,
      user_id: row.userId,
      description: row.description,
      revision: row.revision,
      value: openSetting(ring, row).reveal(),
      created_at: row.createdAt,
      updated_at: row.updatedAt,
      created_by: row.createdBy,
      updated_by: row.updatedBy,
    },
  };
}

/** The record of a service key. The row must be verified. */
export function serviceKeyRecord(row: ServiceKeyRow): BackupRecord {
  return {
    kind: "serviceKey",
    data: {
      id: row.id,
      prefix: row.prefix,
      name: row.name,
      grants: row.grants.map(({ actions, namespaces, names }) => ({
        actions: [...actions],
        namespaces: [...namespaces],
        names: [...names],
      })),
      cidrs: row.cidrs === null ? null : [...row.cidrs],
      created_at: row.createdAt,
      created_by: row.createdBy,
      expires_at: row.expiresAt,
      revoked_at: row.revokedAt,
    },
  };
}

/** The record of what is deployed, without its versions. The row must be verified. */
export function deploymentRecord(row: DeploymentRow): BackupRecord {
  return {
    kind: "deployment",
    data: {
      id: row.id,
      kind: row.kind,
      namespace: row.namespace,
      name: row.name,
      version: row.version,
      created_at: row.createdAt,
      updated_at: row.updatedAt,
      created_by: row.createdBy,
      updated_by: row.updatedBy,
      deleted_at: row.deletedAt,
    },
  };
}

/**
 * The record of a version of deployed code.
 *
 * @param deployment Verified.
 * @throws {AppError} INTEGRITY_VIOLATION
 */
export function codeVersionRecord(
  ring: KeyRing,
  deployment: DeploymentRow,
  stored: CodeVersionRow,
): BackupRecord {
  const version = verifyCodeVersion(ring, deployment, stored);
  return {
    kind: "deploymentVersion",
    data: {
      deployment_id: deployment.id,
      version: version.version,
      hash: version.hash,
      settings: version.settings,
      restored: version.restored,
      created_at: version.createdAt,
      created_by: version.createdBy,
    },
  };
}

/** The record of a schedule. */
export function scheduleRecord(schedule: Schedule): BackupRecord {
  return {
    kind: "schedule",
    data: {
      name: schedule.name,
      namespace: schedule.namespace,
      cron: schedule.cron,
      timezone: schedule.timezone,
      payload: schedule.payload,
      principal: schedule.principal,
      created_at: schedule.createdAt,
      updated_at: schedule.updatedAt,
    },
  };
}
