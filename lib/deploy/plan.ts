/**
 * What a deployment changes: built code held against what is deployed. Pure but for the MACs.
 *
 * @module
 */
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type {
  CodeKind,
  CodeVersionRow,
  DeploymentRow,
  StoredDeployment,
} from "../store/deployment_rows.ts";
import type { DeploymentChange } from "../store/deployments.ts";
import type { CodePlace } from "./access.ts";
import { labelOf, signCodeVersion, signDeployment, verifyDeployment } from "./rows.ts";

/** Code of a place, ready to be deployed. */
export interface Deployable extends CodePlace {
  readonly hash: string;
  /** Settings as text. */
  readonly settings: string;
  /** The version that it brings back; `null` for new code. */
  readonly restored: number | null;
}

/** Who deploys, when, and with which keys. */
export interface Signer {
  readonly ring: KeyRing;
  readonly kind: CodeKind;
  readonly by: string;
  /** The same with where the request came from, for the record. */
  readonly actor: Actor;
  readonly now: Date;
}

/** What becomes of the code of each place. */
export interface Plan {
  readonly created: readonly Deployable[];
  readonly updated: readonly Deployable[];
  readonly unchanged: readonly Deployable[];
  readonly deleted: readonly StoredDeployment[];
  readonly changes: readonly DeploymentChange[];
}

/**
 * Plans a deployment.
 *
 * @param live What is deployed now.
 * @param prune Tells of what is deployed and not wanted whether it goes.
 * @throws {AppError} INTEGRITY_VIOLATION when a row that would be replaced is not as it was written.
 */
export function planDeployment(
  live: readonly StoredDeployment[],
  wanted: readonly Deployable[],
  prune: (place: CodePlace) => boolean,
  signer: Signer,
): Plan {
  const byLabel = new Map(live.map((stored) => [labelOf(stored.row), stored]));
  const created: Deployable[] = [];
  const updated: Deployable[] = [];
  const unchanged: Deployable[] = [];
  const changes: DeploymentChange[] = [];
  for (const each of wanted) {
    const stored = byLabel.get(labelOf(each));
    byLabel.delete(labelOf(each));
    const before = stored && verifyDeployment(signer.ring, stored);
    if (before && isSame(before.current, each)) {
      unchanged.push(each);
      continue;
    }
    (before ? updated : created).push(each);
    changes.push(before ? nextVersion(before.row, each, signer) : firstVersion(each, signer));
  }
  const deleted = [...byLabel.values()].filter(({ row }) => prune(row));
  changes.push(...deleted.map(({ row }) => deletion(row, signer)));
  return { created, updated, unchanged, deleted, changes };
}

/**
 * The change that makes `code` the newest version.
 *
 * @param action How it is recorded.
 */
export function nextVersion(
  before: DeploymentRow,
  code: Pick<Deployable, "hash" | "settings" | "restored">,
  signer: Signer,
  action: string = "deploy.update",
): DeploymentChange {
  const { mac: _old, ...row } = before;
  const after = signDeployment(signer.ring, {
    ...row,
    version: row.version + 1,
    updatedAt: signer.now,
    updatedBy: signer.by,
  });
  const entry = entryOf(signer, action, after, code);
  return { before, after, version: versionOf(after, code, signer), entry };
}

/** The change that deletes a deployment; its history stays for a while. */
export function deletion(before: DeploymentRow, signer: Signer): DeploymentChange {
  const { mac: _old, ...row } = before;
  const { now, by } = signer;
  const after = { ...row, updatedAt: now, updatedBy: by, deletedAt: now };
  const entry = entryOf(signer, "deploy.delete", after);
  return { before, after: signDeployment(signer.ring, after), entry };
}

function firstVersion(code: Deployable, signer: Signer): DeploymentChange {
  const { ring, kind, now, by } = signer;
  const after = signDeployment(ring, {
    id: crypto.randomUUID(),
    kind,
    namespace: code.namespace,
    name: code.name,
    version: 1,
    createdAt: now,
    updatedAt: now,
    createdBy: by,
    updatedBy: by,
    deletedAt: null,
  });
  const entry = entryOf(signer, "deploy.create", after, code);
  return { before: undefined, after, version: versionOf(after, code, signer), entry };
}

function entryOf(
  { actor, now, kind }: Signer,
  action: string,
  { namespace, name, version }: Pick<DeploymentRow, "namespace" | "name" | "version">,
  code?: Pick<Deployable, "hash" | "restored">,
): AuditEntry {
  const detail = {
    kind,
    ...(code && { hash: code.hash }),
    ...(code?.restored != null && { from: code.restored }),
  };
  return { action, actor, at: now, namespace, name, version, detail };
}

function versionOf(
  owner: DeploymentRow,
  { hash, settings, restored }: Pick<Deployable, "hash" | "settings" | "restored">,
  { ring, now, by }: Signer,
): CodeVersionRow {
  return signCodeVersion(ring, {
    deploymentId: owner.id,
    version: owner.version,
    hash,
    settings,
    restored,
    createdAt: now,
    createdBy: by,
  });
}

/** Settings are compared as the server of today writes them. */
function isSame(current: CodeVersionRow, { hash, settings }: Deployable): boolean {
  return current.hash === hash && current.settings === settings;
}
