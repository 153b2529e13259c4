/**
 * Puts the settings together: resolver, vault, and the ear for what other servers write.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { JoinedResolver, type SecretValues } from "../resolve/joined_resolver.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import { SettingsResolver } from "../resolve/settings_resolver.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { openRowSet } from "../store/row_set_making.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { SETTINGS_CHANNEL, SETTINGS_SET, StoredSettingSource } from "../store/settings.ts";
import type { Database } from "../store/sql.ts";
import { SettingsVault } from "./settings_vault.ts";

/** What {@linkcode startSettings} needs. */
export interface SettingsParts {
  readonly database: Database;
  readonly ring: KeyRing;
  /** What this process has seen of heads. */
  readonly watch?: HeadWatch;
  /** What runs get beside the system's settings. */
  readonly secrets: SecretValues;
  /** As in `SettingsResolver`. */
  readonly freshMs?: number;
  readonly onStale: (ageMs: number) => void;
}

/** The settings, started. */
export interface StartedSettings {
  /** Which settings there are. */
  readonly set: RowSetStore;
  readonly vault: SettingsVault;
  /** What users have. */
  readonly users: SettingsResolver;
  /** What a run gets, whoever calls. */
  readonly injections: JoinedResolver;
  /** Hears no more of other servers. */
  close(): Promise<void>;
}

/** Joins the parts and listens. */
export async function startSettings(parts: SettingsParts): Promise<StartedSettings> {
  const { database, ring, watch = new HeadWatch(), secrets } = parts;
  const set = await openRowSet(database.sql, SETTINGS_SET, { ring, watch });
  const users = new SettingsResolver(new StoredSettingSource(database.sql), ring, parts);
  const heard = await database.listen(
    SETTINGS_CHANNEL,
    (payload) => users.invalidate(payload === "" ? null : payload as UserId),
    () => users.doubtAll(),
  );
  return {
    set,
    vault: new SettingsVault({ sql: database.sql, ring, set, resolver: users }),
    users,
    injections: new JoinedResolver(secrets, users),
    close: () => heard.close(),
  };
}
