/**
 * How much may be stored. The system's settings go to every function's process, and a user's are
 * held by the server and by processes while the user is active.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { SettingRow } from "../resolve/setting_rows.ts";
import { settingUsage } from "../store/settings.ts";
import type { Sql } from "../store/sql.ts";

/** The most settings of the system, and of one user. */
export const MAX_SETTINGS = { system: 1_000, user: 100 } as const;
/** The most bytes of sealed values of the system, and of one user. */
export const MAX_SETTING_BYTES = { system: 8 * 2 ** 20, user: 256 * 2 ** 10 } as const;

/**
 * Lets a row through for which there is room. Writes at the same moment can overstep the limit by
 * themselves, and no further.
 *
 * @param before The row in whose place it comes.
 * @throws {AppError} CONFLICT with the limit.
 */
export async function checkQuota(tx: Sql, row: SettingRow, before?: SettingRow): Promise<void> {
  const { count, bytes } = await settingUsage(tx, row.userId);
  const whose = row.scope === "system" ? "The system" : "A user";
  const most = MAX_SETTINGS[row.scope];
  if (before === undefined && count >= most) {
    throw new AppError("CONFLICT", `${whose} can have at most ${most} settings`);
  }
  const growth = row.envelope.length - (before?.envelope.length ?? 0);
  const limit = MAX_SETTING_BYTES[row.scope];
  if (growth > 0 && bytes + growth > limit) {
    throw new AppError("CONFLICT", `${whose} can have at most ${limit} bytes of settings`);
  }
}
