/**
 * The answer to a write of a setting, and its text form in which it is remembered.
 *
 * @module
 */
import type { Plaintext } from "../crypto/plaintext.ts";
import { type SettingMetadata, settingMetadata, type SettingRow } from "../resolve/setting_rows.ts";
import { warningsAbout } from "../vault/warnings.ts";

/** What a write did. */
export interface SettingResult {
  /** The setting afterwards; of a deleted one, as it was last. */
  readonly setting: SettingMetadata;
  /** What to tell whoever wrote; mostly empty. */
  readonly warnings: readonly string[];
  /** Whether this is the remembered answer to an earlier request. */
  readonly replayed: boolean;
}

/** Makes the answer for a setting that was written, with `value` if it got one. */
export function settingAnswer(row: SettingRow, value: Plaintext | undefined): SettingResult {
  return { setting: settingMetadata(row), warnings: warningsAbout(value), replayed: false };
}

/** Writes an answer as text. */
export function settingAnswerText({ setting, warnings }: SettingResult): string {
  return JSON.stringify({ setting, warnings });
}

/** Reads an answer that {@linkcode settingAnswerText} wrote and that has been authenticated since. */
export function parseSettingAnswer(text: string): SettingResult {
  const { setting, warnings } = JSON.parse(text) as {
    setting: SettingMetadata & Readonly<Record<"createdAt" | "updatedAt", string | Date>>;
    warnings: string[];
  };
  const [createdAt, updatedAt] = [new Date(setting.createdAt), new Date(setting.updatedAt)];
  return { setting: { ...setting, createdAt, updatedAt }, warnings, replayed: true };
}
