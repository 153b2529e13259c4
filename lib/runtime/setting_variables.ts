/**
 * Settings as variables, for a process that serves one caller only. One that serves many has none:
 * whose they would be, its environment could not tell.
 *
 * @module
 */
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";

/** The prefix of variables with the system's settings. */
export const SYSTEM_PREFIX = "FLUXBASE_SETTING_";
/** The prefix of variables with the settings of the user for whom the process runs. */
export const USER_PREFIX = "FLUXBASE_USER_";

/** Values in plain text by name, with `prefix` before each name. */
export function revealSettings(
  { values }: ResolvedSettings,
  prefix = "",
): Record<string, string> {
  const revealed: Record<string, string> = {};
  for (const [name, value] of values) revealed[prefix + name] = value.reveal();
  return revealed;
}
