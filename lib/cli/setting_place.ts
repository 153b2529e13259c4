/**
 * Which setting a command means: its key, whose it is and where the API keeps it.
 *
 * @module
 */
import { parseSettingKey, parseUserId, type SettingScope } from "../resolve/setting_ref.ts";
import type { Context, Flags } from "./table.ts";

/** A setting as the API returns it. */
export interface SettingInfo {
  readonly id: string;
  readonly key: string;
  readonly description?: string;
  readonly user_id?: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by?: string;
  readonly updated_by?: string;
}

/** Whose settings a command is about, and how it asks for them. */
export interface SettingFamily {
  readonly scope: SettingScope;
  /** The path of the list. */
  readonly list: string;
  /** The path below which each one lies. */
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What `--user` and `--user-id` say. */
export function settingFamily(flags: Flags): SettingFamily {
  const id = flags.text("user-id");
  if (id === undefined && !flags.on("user")) {
    const base = "/api/v1/admin/settings/custom/secret";
    return { scope: "system", list: `${base}s`, base, headers: {} };
  }
  return {
    scope: "user",
    list: "/api/v1/settings/secrets",
    base: "/api/v1/settings/secret",
    headers: id === undefined ? {} : { "x-fluxbase-user": encodeURIComponent(parseUserId(id)) },
  };
}

/** A setting that is named by KEY: its path, and how it is called in what is printed. */
export interface SettingPlace extends SettingFamily {
  readonly key: string;
  readonly path: string;
  readonly label: string;
}

/**
 * The setting that KEY and the flags name together.
 *
 * @throws {AppError} INVALID_INPUT when the key breaks its rule.
 */
export function settingPlace({ args, flags }: Context): SettingPlace {
  const family = settingFamily(flags);
  const key = parseSettingKey(args.KEY!);
  return { ...family, key, path: `${family.base}/${key}`, label: `'${key}' (${family.scope})` };
}
