/**
 * Stored settings: their rows, what their values are sealed with and what authenticates them.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing, SealOptions } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { isAuthentic } from "./associated_data.ts";
import type { SettingKey, SettingRef, SettingScope, UserId } from "./setting_ref.ts";

/** Everything about a setting but its value. Times have millisecond precision. */
export interface SettingMetadata extends SettingRef {
  /** UUID; a key that is deleted and set again gets another one. */
  readonly id: string;
  readonly key: SettingKey;
  readonly scope: SettingScope;
  readonly userId: UserId | null;
  readonly description: string | null;
  /** Goes up with every change, from 1. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Id of the principal. */
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

/** A row of `app.settings` before it is authenticated. */
export interface UnsignedSettingRow extends SettingMetadata {
  /** The sealed value. */
  readonly envelope: Uint8Array;
}

/** A row of `app.settings`. */
export interface SettingRow extends UnsignedSettingRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

/** What a value is bound to. */
type SettingPlace = Pick<SettingMetadata, "scope" | "userId" | "key" | "id" | "revision">;

const VALUE = "fluxbase/setting/v1";
const ROW = "fluxbase/row/setting/v1";

/** Seals a value for its place; a user's under the key of that user. */
export function sealSetting(ring: KeyRing, place: SettingPlace, value: Plaintext): Uint8Array {
  return ring.seal(value, settingAssociatedData(place), ownerOf(place));
}

/**
 * Opens the value of a row.
 *
 * @throws {AppError} SECRET_UNREADABLE naming the setting and the key.
 */
export function openSetting(ring: KeyRing, row: SettingRow): Plaintext {
  try {
    return ring.open(row.envelope, settingAssociatedData(row), ownerOf(row));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = `Value of ${describeSetting(row)}: ${error.message}`;
    throw new AppError("SECRET_UNREADABLE", message, { cause: error });
  }
}

/** Authenticates a row. */
export function signSettingRow(ring: KeyRing, row: UnsignedSettingRow): SettingRow {
  return { ...row, mac: ring.mac("row", settingRowMessage(row)) };
}

/**
 * Lets a row through if it is as the server wrote it.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the setting when it isn't.
 */
export function verifySettingRow(ring: KeyRing, row: SettingRow): SettingRow {
  if (isAuthentic(ring, () => settingRowMessage(row), row.mac)) return row;
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Row of ${describeSetting(row)} is not as it was written`,
  );
}

/** The message of the MAC of a row of `app.settings`. */
export function settingRowMessage(row: UnsignedSettingRow): Uint8Array {
  return canonical(ROW, [
    row.id,
    row.key,
    row.scope,
    row.userId,
    row.description,
    row.revision,
    row.envelope,
    row.createdAt,
    row.updatedAt,
    row.createdBy,
    row.updatedBy,
  ]);
}

/** Drops what no reader outside the store and the vault needs. */
export function settingMetadata(row: SettingRow): SettingMetadata {
  const { envelope: _envelope, mac: _mac, ...metadata } = row;
  return metadata;
}

/** How a setting is called in a message. Whose it is stays out: logs are no list of users. */
export function describeSetting({ scope, key, id }: SettingPlace): string {
  return scope === "system" ? `setting ${key} (system)` : `a user's setting (${id})`;
}

function settingAssociatedData({ scope, userId, key, id, revision }: SettingPlace): Uint8Array {
  return canonical(VALUE, [scope, userId, key, id, revision]);
}

function ownerOf({ userId }: SettingPlace): SealOptions {
  return userId === null ? {} : { owner: userId };
}
