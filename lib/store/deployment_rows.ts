/**
 * Rows of `functions.deployments` and `functions.deployment_versions` as domain values.
 *
 * @module
 */
import type { Namespace } from "../resolve/ref.ts";
import type { Row } from "./sql.ts";

/** What can be deployed. */
export type CodeKind = "function" | "job";

/** A row of `functions.deployments` before it is authenticated. */
export interface UnsignedDeploymentRow {
  /** UUID; a name that is deleted and deployed again gets another one. */
  readonly id: string;
  readonly kind: CodeKind;
  readonly namespace: Namespace | null;
  readonly name: string;
  /** The version that is served, 1 or more. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
  readonly deletedAt: Date | null;
}

/** A row of `functions.deployments`. */
export interface DeploymentRow extends UnsignedDeploymentRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

/** A row of `functions.deployment_versions` before it is authenticated. */
export interface UnsignedCodeVersionRow {
  readonly deploymentId: string;
  readonly version: number;
  /** SHA-256 of the code, hex. */
  readonly hash: string;
  /** Settings as text. */
  readonly settings: string;
  /** The version that this one brought back; `null` for one that was deployed. */
  readonly restored: number | null;
  readonly createdAt: Date;
  readonly createdBy: string | null;
}

/** A row of `functions.deployment_versions`. */
export interface CodeVersionRow extends UnsignedCodeVersionRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

/** A live deployment together with the version that its row points to. */
export interface StoredDeployment {
  readonly row: DeploymentRow;
  /** `undefined` when the row points to a version that isn't there. */
  readonly current: CodeVersionRow | undefined;
}

/** The columns of `functions.deployments`, in the order of every statement. */
export const DEPLOYMENT_COLUMNS = "id, kind, namespace, name, version, created_at, updated_at, " +
  "created_by, updated_by, deleted_at, mac";

/** The columns of `functions.deployment_versions`. */
export const CODE_VERSION_COLUMNS =
  "deployment_id, version, hash, settings, restored, created_at, " +
  "created_by, mac";

interface RawDeployment extends Row {
  id: string;
  kind: CodeKind;
  namespace: Namespace | null;
  name: string;
  version: number;
  created_at: Date;
  updated_at: Date;
  created_by: string | null;
  updated_by: string | null;
  deleted_at: Date | null;
  mac: Uint8Array;
}

interface RawVersion extends Row {
  deployment_id: string;
  version: number;
  hash: string;
  settings: string;
  restored: number | null;
  created_at: Date;
  created_by: string | null;
  mac: Uint8Array;
}

/** Reads a deployment joined with its current version, whose columns have the prefix `v_`. */
export function storedDeployment(row: Row): StoredDeployment {
  const raw = row as RawDeployment;
  const version: Row = { deployment_id: raw.id };
  for (const [name, value] of Object.entries(row)) {
    if (name.startsWith("v_")) version[name.slice(2)] = value;
  }
  return {
    row: {
      id: raw.id,
      kind: raw.kind,
      namespace: raw.namespace,
      name: raw.name,
      version: raw.version,
      createdAt: raw.created_at,
      updatedAt: raw.updated_at,
      createdBy: raw.created_by,
      updatedBy: raw.updated_by,
      deletedAt: raw.deleted_at,
      mac: raw.mac,
    },
    current: version["hash"] === null ? undefined : codeVersionRow(version),
  };
}

/** Reads a row of `functions.deployment_versions`. */
export function codeVersionRow(row: Row): CodeVersionRow {
  const raw = row as RawVersion;
  return {
    deploymentId: raw.deployment_id,
    version: raw.version,
    hash: raw.hash,
    settings: raw.settings,
    restored: raw.restored,
    createdAt: raw.created_at,
    createdBy: raw.created_by,
    mac: raw.mac,
  };
}
