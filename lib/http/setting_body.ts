/**
 * Bodies of writes of settings: the fields and their rules.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../errors.ts";
import { parseSettingKey, type SettingKey } from "../resolve/setting_ref.ts";
import { parseDescription, parseSecretValue } from "../resolve/value.ts";
import type { NewSetting, SettingPatch } from "../settings/settings_vault.ts";

const text = z.string({ error: "must be a string" }).nullish();

/** The body of a create or an update; what it doesn't know, it drops. */
export const settingBody = z.object({ key: text, value: text, description: text });

/** The body of a create in the form that settings of any kind have elsewhere. */
export const genericBody = z.object({
  key: text,
  value: z.unknown().optional(),
  description: text,
  is_secret: z.boolean({ error: "must be true or false" }).nullish(),
});

/** A checked {@linkcode settingBody}. */
export type SettingBody = z.infer<typeof settingBody>;

/**
 * Reads a new setting.
 *
 * @param what How the fields are called in messages: `Setting key` or `key`.
 * @throws {AppError} MISSING_REQUIRED_FIELD, or INVALID_INPUT with the rule that is broken.
 */
export function parseNewSetting(
  body: SettingBody,
  what: { readonly key: string; readonly value: string },
): { key: SettingKey; setting: NewSetting } {
  if (!body.key) throw missing(`${what.key} is required`);
  if (!body.value) throw missing(`${what.value} is required`);
  const key = parseSettingKey(body.key);
  const value = parseSecretValue(body.value);
  const description = body.description ? parseDescription(body.description) : undefined;
  return { key, setting: { value, ...(description !== undefined && { description }) } };
}

/**
 * Reads a change of a setting. Null counts as left out. So does an empty description beside a value,
 * since there are clients that send one with every value; alone, it clears.
 *
 * @param key The key in the URL, which the body must not contradict.
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseSettingPatch(body: SettingBody, key: SettingKey): SettingPatch {
  if (body.key && parseSettingKey(body.key) !== key) {
    throw new AppError("INVALID_INPUT", "URL and body name different settings");
  }
  const value = body.value ?? undefined;
  const description = body.description ?? undefined;
  const describes = description !== undefined && (description !== "" || value === undefined);
  return {
    ...(value !== undefined && { value: parseSecretValue(value) }),
    ...(describes && { description: parseDescription(description) }),
  };
}

/**
 * Reads a setting in the generic form: `is_secret`, and the value as `{"value": "…"}`.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function fromGenericBody(body: z.infer<typeof genericBody>): SettingBody {
  if (body.is_secret !== true) {
    throw new AppError("INVALID_INPUT", "Only secret settings are kept here: send is_secret: true");
  }
  const wrapped = typeof body.value === "object" && body.value !== null ? body.value : {};
  const value: unknown = Reflect.get(wrapped, "value");
  if (typeof value !== "string" || value === "") {
    throw new AppError(
      "INVALID_INPUT",
      'Secret value must be a non-empty string (use {"value": "your-secret"})',
    );
  }
  return { key: body.key, value, description: body.description };
}

function missing(message: string): AppError {
  return new AppError("MISSING_REQUIRED_FIELD", message);
}
