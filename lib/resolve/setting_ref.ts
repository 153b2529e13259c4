/**
 * What a setting is called: whose it is and its key, parsed once at the edge.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** A parsed key, as it was written. Made by {@linkcode parseSettingKey} only. */
export type SettingKey = string & { readonly __brand: "SettingKey" };
/** The id of a user. Made by {@linkcode parseUserId} only. */
export type UserId = string & { readonly __brand: "UserId" };
/** The name under which user code sees a setting. Made by {@linkcode settingName} only. */
export type SettingName = string & { readonly __brand: "SettingName" };

/** What a setting is called. `userId` is `null` for the system's own. */
export interface SettingRef {
  readonly userId: UserId | null;
  readonly key: SettingKey;
}

/** The two scopes of settings. */
export type SettingScope = "system" | "user";

const KEY = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;
/** Nothing that could steer a terminal, and no NUL, which would not tell two HMAC keys apart. */
const USER = /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u;
const MAX_USER_LENGTH = 255;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Parses a setting's key, which stays as it is written.
 *
 * @throws {AppError} INVALID_INPUT when it breaks the rule.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSettingKey, settingName } from "./setting_ref.ts";
 *
 * const key = parseSettingKey("ai.openai.key");
 * assertEquals([String(key), String(settingName(key))], ["ai.openai.key", "AI_OPENAI_KEY"]);
 * ```
 */
export function parseSettingKey(text: string): SettingKey {
  if (KEY.test(text)) return text as SettingKey;
  throw new AppError(
    "INVALID_INPUT",
    "Setting key must be 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter",
  );
}

/**
 * Parses a user's id, which is whatever the issuer of tokens calls a user: 1 to 255 characters
 * without control characters. A UUID is put in lower case, so that two spellings are one user.
 *
 * @throws {AppError} INVALID_INPUT when it breaks the rule.
 */
export function parseUserId(text: string): UserId {
  if (text.length > MAX_USER_LENGTH || !USER.test(text)) {
    throw new AppError(
      "INVALID_INPUT",
      `User id must be 1 to ${MAX_USER_LENGTH} characters without control characters`,
    );
  }
  return (UUID.test(text) ? text.toLowerCase() : text) as UserId;
}

/** The name of a key in user code: in upper case, with `_` for each dot. */
export function settingName(key: SettingKey): SettingName {
  return key.toUpperCase().replaceAll(".", "_") as SettingName;
}

/** The scope that a reference lies in. */
export function settingScope({ userId }: Pick<SettingRef, "userId">): SettingScope {
  return userId === null ? "system" : "user";
}
