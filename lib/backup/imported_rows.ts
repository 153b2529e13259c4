/**
 * What comes from elsewhere, made rows of this server: checked by the rules that hold here, and
 * sealed.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { NO_ABSENCES, type SecretRow, type VersionRow } from "../resolve/records.ts";
import { parseNamespace, parseSecretName } from "../resolve/ref.ts";
import type { SettingRow } from "../resolve/setting_rows.ts";
import { parseDescription, parseSecretValue } from "../resolve/value.ts";
import { sealSecret, sealSettingRow, sealVersion } from "./sealed_rows.ts";

/** A secret as it is brought in. */
export interface ImportedSecret {
  readonly name: string;
  readonly namespace: string | null;
  readonly description: string | null;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
  /** Oldest first, without a gap; the last one is served. */
  readonly versions: readonly {
    readonly version: number;
    readonly value: string;
    readonly createdAt: Date;
    readonly createdBy: string | null;
  }[];
}

/** A setting as it is brought in. */
export interface ImportedSetting {
  readonly key: string;
  /** `null` for the system's. */
  readonly userId: string | null;
  readonly description: string | null;
  readonly value: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

/**
 * Seals a secret and its versions.
 *
 * @throws {AppError} INVALID_INPUT when something breaks a rule that holds for what is set here.
 */
export function sealImportedSecret(
  ring: KeyRing,
  secret: ImportedSecret,
): { row: SecretRow; versions: VersionRow[] } {
  const { versions } = secret;
  const [first, last] = [versions[0], versions.at(-1)];
  const whole = first !== undefined && last !== undefined && first.version >= 1 &&
    versions.every(({ version }, i) => version === first.version + i);
  if (!whole) throw new AppError("INVALID_INPUT", "Versions must follow each other without a gap");
  for (const { value } of versions) parseSecretValue(value);
  const namespace = secret.namespace === null ? null : parseNamespace(secret.namespace);
  const row = sealSecret(ring, {
    id: randomUUID(),
    namespace,
    name: parseSecretName(secret.name),
    description: secret.description === null ? null : parseDescription(secret.description),
    version: last.version,
    oldest_version: first.version,
    absences: NO_ABSENCES,
    expires_at: secret.expiresAt,
    created_at: secret.createdAt,
    updated_at: secret.updatedAt,
    created_by: secret.createdBy,
    updated_by: secret.updatedBy,
    deleted_at: null,
  });
  const rows = versions.map(({ version, value, createdAt, createdBy }) =>
    sealVersion(ring, row, {
      id: randomUUID(),
      version,
      value,
      created_at: createdAt,
      created_by: createdBy,
    })
  );
  return { row, versions: rows };
}

/**
 * Seals a setting.
 *
 * @throws {AppError} INVALID_INPUT when something breaks a rule that holds for what is set here.
 */
export function sealImportedSetting(ring: KeyRing, setting: ImportedSetting): SettingRow {
  parseSecretValue(setting.value);
  const { description } = setting;
  return sealSettingRow(ring, {
    id: randomUUID(),
    key: setting.key,
    user_id: setting.userId,
    description: description === null ? null : parseDescription(description),
    revision: 1,
    value: setting.value,
    created_at: setting.createdAt,
    updated_at: setting.updatedAt,
    created_by: setting.createdBy,
    updated_by: setting.updatedBy,
  });
}
