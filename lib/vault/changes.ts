/**
 * What a change of a secret makes of its rows. Pure but for random ids and nonces.
 *
 * @module
 */
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { Field } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { signSecretRow, signVersionRow, valueAssociatedData } from "../resolve/associated_data.ts";
import {
  NO_ABSENCES,
  type SecretIdentity,
  type SecretRow,
  type UnsignedSecretRow,
  type VersionRow,
} from "../resolve/records.ts";
import { addAbsence } from "./absences.ts";
import { scopeOf, type SecretRef } from "../resolve/ref.ts";
import type { SecretChange } from "../store/secret_writes.ts";

/** A new secret. */
export interface NewSecret {
  readonly value: Plaintext;
  readonly description?: string;
  readonly expiresAt?: Date | null;
}

/** A change of a secret; what is left out stays. */
export interface SecretPatch {
  readonly value?: Plaintext;
  readonly description?: string;
  /** `null` clears the expiry. */
  readonly expiresAt?: Date | null;
}

/** What a patch asks for, to tell one request from another. */
export function patchFields({ value, description, expiresAt }: SecretPatch): Field[] {
  return [
    value === undefined ? null : value.revealBytes(),
    description ?? null,
    // false: stays as it is; null: is cleared.
    expiresAt === undefined ? false : expiresAt,
  ];
}

/** Who changes something, when, and with which keys. */
export interface ChangeContext {
  readonly ring: KeyRing;
  readonly now: Date;
  /** Id of the principal. */
  readonly by: string;
  /** The same with where the request came from, for the record. */
  readonly actor: Actor;
  /** How many versions are kept, the newest among them; `null` is no limit. */
  readonly keepVersions: number | null;
}

/** A change with what is recorded of it. */
export interface RecordedChange extends SecretChange {
  readonly entry: AuditEntry;
}

/** Version 1 of a secret that isn't there yet. */
export function createChange(
  context: ChangeContext,
  ref: SecretRef,
  { value, description, expiresAt }: NewSecret,
): RecordedChange {
  const { ring, now, by } = context;
  const after = signSecretRow(ring, {
    id: crypto.randomUUID(),
    scope: scopeOf(ref),
    namespace: ref.namespace,
    name: ref.name,
    description: description ?? null,
    version: 1,
    expiresAt: expiresAt ?? null,
    createdAt: now,
    updatedAt: now,
    createdBy: by,
    updatedBy: by,
    deletedAt: null,
    oldestVersion: 1,
    absences: NO_ABSENCES,
  });
  return {
    before: undefined,
    after,
    version: sealVersion(context, after, 1, value),
    entry: entryOf(context, "secret.create", after),
  };
}

/** The version goes up by one exactly when there is a value, the same one or another. */
export function updateChange(
  context: ChangeContext,
  before: SecretRow,
  { value, description, expiresAt }: SecretPatch,
  as: { readonly action: string; readonly from?: number } = { action: "secret.update" },
): RecordedChange {
  const after = rewrite(context, before, {
    ...(description !== undefined && { description }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(value !== undefined && nextVersion(before, context.keepVersions)),
  });
  const changed = Object.entries({ value, description, expires_at: expiresAt })
    .flatMap(([name, given]) => given === undefined ? [] : [name]);
  const detail = as.from === undefined ? { changed } : { from: as.from };
  const entry = { ...entryOf(context, as.action, after), detail };
  if (value === undefined) return { before, after, entry };
  return { before, after, version: sealVersion(context, after, after.version, value), entry };
}

/** Deleting keeps row and history for a while, and takes the name off them at once. */
export function deleteChange(context: ChangeContext, before: SecretRow): RecordedChange {
  const after = rewrite(context, before, { deletedAt: context.now });
  return { before, after, entry: entryOf(context, "secret.delete", after) };
}

/** Brings a deleted secret back as it was, or with a value of its past as its newest version. */
export function restoreChange(
  context: ChangeContext,
  before: SecretRow,
  { value }: { readonly value?: Plaintext },
): RecordedChange {
  const back = { deletedAt: null, absences: addAbsence(before, context.now) };
  if (value === undefined) {
    const after = rewrite(context, before, back);
    return { before, after, entry: entryOf(context, "secret.restore", after) };
  }
  const next = nextVersion(before, context.keepVersions);
  const after = rewrite(context, before, { ...back, ...next });
  const version = sealVersion(context, after, after.version, value);
  return { before, after, version, entry: entryOf(context, "secret.restore", after) };
}

/** What is recorded of an action on a secret. */
export function entryOf(
  { actor, now }: Pick<ChangeContext, "actor" | "now">,
  action: string,
  { namespace, name, version }: Pick<SecretRow, "namespace" | "name" | "version">,
): AuditEntry {
  return { action, actor, at: now, namespace, name, version };
}

type Rewritable =
  | "description"
  | "version"
  | "oldestVersion"
  | "expiresAt"
  | "deletedAt"
  | "absences";

function rewrite(
  { ring, now, by }: ChangeContext,
  before: SecretRow,
  changes: Partial<Pick<UnsignedSecretRow, Rewritable>>,
): SecretRow {
  const { mac: _old, ...columns } = before;
  return signSecretRow(ring, { ...columns, ...changes, updatedAt: now, updatedBy: by });
}

function sealVersion(
  { ring, now, by }: ChangeContext,
  secret: SecretIdentity,
  version: number,
  value: Plaintext,
): VersionRow {
  return signVersionRow(ring, {
    id: crypto.randomUUID(),
    secretId: secret.id,
    version,
    envelope: ring.seal(value, valueAssociatedData(secret, version)),
    createdAt: now,
    createdBy: by,
  });
}

/** The column is a 32-bit integer. */
const MAX_VERSION = 2_147_483_647;

function nextVersion(
  { version, oldestVersion }: SecretRow,
  keep: number | null,
): { version: number; oldestVersion: number } {
  if (version < MAX_VERSION) {
    const next = version + 1;
    const oldest = keep === null ? oldestVersion : Math.max(oldestVersion, next - keep + 1);
    return { version: next, oldestVersion: oldest };
  }
  throw new AppError("CONFLICT", "Secret has used up its versions; delete it and create it again");
}
