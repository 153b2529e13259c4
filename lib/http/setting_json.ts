/**
 * Settings as JSON. There is no field for a value.
 *
 * @module
 */
import type { SettingMetadata } from "../resolve/setting_rows.ts";
import type { SettingResult } from "../settings/settings_vault.ts";

/** Everything about a setting but its value; what is null is left out. */
export interface SettingJson {
  readonly id: string;
  readonly key: string;
  readonly description?: string;
  /** Absent for the system's own. */
  readonly user_id?: string;
  readonly created_by?: string;
  readonly updated_by?: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** Only where there is something to tell. */
  readonly warnings?: readonly string[];
}

/** A setting as JSON. */
export function settingJson(setting: SettingMetadata): SettingJson {
  const { id, key, description, userId, createdBy, updatedBy } = setting;
  return {
    id,
    key,
    ...(description !== null && { description }),
    ...(userId !== null && { user_id: userId }),
    ...(createdBy !== null && { created_by: createdBy }),
    ...(updatedBy !== null && { updated_by: updatedBy }),
    created_at: setting.createdAt.toISOString(),
    updated_at: setting.updatedAt.toISOString(),
  };
}

/** The answer to a write. */
export function writtenSettingJson({ setting, warnings }: SettingResult): SettingJson {
  const json = settingJson(setting);
  return warnings.length === 0 ? json : { ...json, warnings };
}
