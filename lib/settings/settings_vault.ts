/**
 * The vault of settings secrets: values of the application and of its users go in here and don't
 * come out. Each key has one value and no history.
 *
 * Each method asks for a principal and decides what it may do; each row is authenticated before
 * anything is decided by it.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import { type SettingRef, type UserId } from "../resolve/setting_ref.ts";
import {
  type SettingMetadata,
  settingMetadata,
  type SettingRow,
  verifySettingRow,
} from "../resolve/setting_rows.ts";
import {
  deleteSetting,
  findSetting,
  insertSetting,
  listSettings,
  SETTINGS_SET,
  updateSetting,
} from "../store/settings.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import type { IfMatch, WriteOptions } from "../vault/write_request.ts";
import { allowSetting, maySetting } from "./access.ts";
import { settingAnswer, type SettingResult } from "./answer.ts";
import {
  changedSettingRow,
  type NewSetting,
  newSettingRow,
  settingEntry,
  type SettingPatch,
} from "./changes.ts";
import { checkQuota } from "./quota.ts";
import { type SettingsVaultParts, SettingWriter } from "./writer.ts";

export type { SettingResult } from "./answer.ts";
export type { NewSetting, SettingPatch } from "./changes.ts";
export type { SettingsVaultParts } from "./writer.ts";

/** Sets, lists and deletes settings. */
export class SettingsVault {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #writer: SettingWriter;

  constructor({ sql, ring, set, resolver, now = () => new Date() }: SettingsVaultParts) {
    this.#sql = sql;
    this.#ring = ring;
    this.#writer = new SettingWriter({
      sql,
      ring,
      set: set ?? new RowSetStore(SETTINGS_SET, { ring, watch: new HeadWatch() }),
      resolver,
      now,
    });
  }

  /**
   * Makes a setting.
   *
   * @throws {AppError} DUPLICATE_KEY when user code would see another one under the same name,
   * CONFLICT when there is no room for more.
   */
  async create(
    principal: Principal,
    ref: SettingRef,
    setting: NewSetting,
    options: WriteOptions = {},
  ): Promise<SettingResult> {
    allowSetting(principal, "write", ref);
    const fields = ["create setting", setting.value.revealBytes(), setting.description ?? null];
    return await this.#writer.write({ principal, ref, status: 201, fields, options }, {
      run: async (tx, context, change) => {
        const row = newSettingRow(context, ref, setting);
        await checkQuota(tx, row);
        await insertSetting(tx, row);
        await change([{ after: row }], settingEntry(context, "setting.create", row));
        return settingAnswer(row, setting.value);
      },
    });
  }

  /**
   * Changes a setting. An empty patch changes nothing.
   *
   * @throws {AppError} NOT_FOUND, PRECONDITION_FAILED, or CONFLICT when there is no room for more.
   */
  async update(
    principal: Principal,
    ref: SettingRef,
    patch: SettingPatch,
    options: WriteOptions = {},
  ): Promise<SettingResult> {
    allowSetting(principal, "write", ref);
    const { value, description } = patch;
    const fields = ["update setting", value?.revealBytes() ?? null, description ?? null];
    return await this.#writer.write({ principal, ref, status: 200, fields, options }, {
      run: async (tx, context, change) => {
        const before = await this.#find(tx, ref, options.ifMatch);
        if (value === undefined && description === undefined) return settingAnswer(before, value);
        const after = changedSettingRow(context, before, patch);
        await checkQuota(tx, after, before);
        await updateSetting(tx, after);
        await change([{ before, after }], settingEntry(context, "setting.update", after));
        return settingAnswer(after, value);
      },
    });
  }

  /**
   * Deletes a setting for good.
   *
   * @throws {AppError} NOT_FOUND or PRECONDITION_FAILED.
   */
  async delete(
    principal: Principal,
    ref: SettingRef,
    options: WriteOptions = {},
  ): Promise<SettingResult> {
    allowSetting(principal, "delete", ref);
    const fields = ["delete setting"];
    return await this.#writer.write({ principal, ref, status: 200, fields, options }, {
      run: async (tx, context, change) => {
        const before = await this.#find(tx, ref, options.ifMatch);
        await deleteSetting(tx, before);
        await change([{ before }], settingEntry(context, "setting.delete", before));
        return settingAnswer(before, undefined);
      },
    });
  }

  /**
   * Everything about a setting but its value.
   *
   * @throws {AppError} NOT_FOUND
   */
  async find(principal: Principal, ref: SettingRef): Promise<SettingMetadata> {
    allowSetting(principal, "read", ref);
    const row = await findSetting(this.#sql, ref);
    if (row === undefined) throw settingNotFound(ref);
    return settingMetadata(verifySettingRow(this.#ring, row));
  }

  /** The settings of a user, or of the system (`null`), that the principal may list, by key. */
  async list(principal: Principal, userId: UserId | null): Promise<SettingMetadata[]> {
    allowSetting(principal, "list", { userId });
    const rows = await listSettings(this.#sql, userId);
    return rows.filter(({ key }) => maySetting(principal, "list", { userId, key }))
      .map((row) => settingMetadata(verifySettingRow(this.#ring, row)));
  }

  /** The row, locked and verified. */
  async #find(tx: Sql, ref: SettingRef, ifMatch: IfMatch | undefined): Promise<SettingRow> {
    const row = await findSetting(tx, ref, { forUpdate: true });
    if (row === undefined) throw settingNotFound(ref);
    const { revision } = verifySettingRow(this.#ring, row);
    if (ifMatch === undefined || ifMatch === "*" || ifMatch.includes(revision)) return row;
    throw new AppError("PRECONDITION_FAILED", `Setting is at "${revision}", not at If-Match`);
  }
}

function settingNotFound({ userId }: SettingRef): AppError {
  return new AppError(
    "NOT_FOUND",
    userId === null ? "Secret setting not found" : "Secret not found",
  );
}
