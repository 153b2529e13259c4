/**
 * What a change of a setting makes of its row. Pure but for random ids and nonces.
 *
 * @module
 */
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { type SettingRef, settingScope } from "../resolve/setting_ref.ts";
import {
  openSetting,
  sealSetting,
  type SettingRow,
  signSettingRow,
} from "../resolve/setting_rows.ts";

/** A new setting. */
export interface NewSetting {
  readonly value: Plaintext;
  readonly description?: string;
}

/** A change of a setting; what is left out stays. */
export interface SettingPatch {
  readonly value?: Plaintext;
  readonly description?: string;
}

/** Who changes something, when, and with which keys. */
export interface SettingContext {
  readonly ring: KeyRing;
  readonly now: Date;
  /** Id of the principal. */
  readonly by: string;
  /** The same with where the request came from, for the record. */
  readonly actor: Actor;
}

/** A setting that isn't there yet. */
export function newSettingRow(
  { ring, now, by }: SettingContext,
  { userId, key }: SettingRef,
  { value, description }: NewSetting,
): SettingRow {
  const place = { id: crypto.randomUUID(), scope: settingScope({ userId }), userId, key };
  return signSettingRow(ring, {
    ...place,
    description: description || null,
    revision: 1,
    envelope: sealSetting(ring, { ...place, revision: 1 }, value),
    createdAt: now,
    updatedAt: now,
    createdBy: by,
    updatedBy: by,
  });
}

/** The value is sealed anew even if it stays: it is bound to its revision. */
export function changedSettingRow(
  { ring, now, by }: SettingContext,
  before: SettingRow,
  patch: SettingPatch,
): SettingRow {
  const { mac: _old, ...columns } = before;
  const revision = nextRevision(before);
  const value = patch.value ?? openSetting(ring, before);
  return signSettingRow(ring, {
    ...columns,
    ...(patch.description !== undefined && { description: patch.description || null }),
    revision,
    envelope: sealSetting(ring, { ...before, revision }, value),
    updatedAt: now,
    updatedBy: by,
  });
}

/** What is recorded of an action on a setting: which one it is, and whose. */
export function settingEntry(
  { actor, now }: Pick<SettingContext, "actor" | "now">,
  action: string,
  { key, userId, revision }: Pick<SettingRow, "key" | "userId" | "revision">,
): AuditEntry {
  return { action, actor, at: now, name: key, version: revision, detail: { user: userId } };
}

/** The column is a 32-bit integer. */
const MAX_REVISION = 2_147_483_647;

function nextRevision({ revision }: SettingRow): number {
  if (revision < MAX_REVISION) return revision + 1;
  throw new AppError("CONFLICT", "Setting has used up its revisions; delete it and set it again");
}
