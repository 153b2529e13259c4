/**
 * The MACs of rows that say which code is served: whoever can write to the database but has no key
 * can't point a name at other code or change its settings unnoticed.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import type {
  CodeVersionRow,
  DeploymentRow,
  StoredDeployment,
  UnsignedCodeVersionRow,
  UnsignedDeploymentRow,
} from "../store/deployment_rows.ts";

const DEPLOYMENT = "fluxbase/row/deployment/v1";
const VERSION = "fluxbase/row/deployment-version/v1";

/** What a version belongs to. */
export type DeploymentIdentity = Pick<UnsignedDeploymentRow, "id" | "kind" | "namespace" | "name">;

/** Authenticates a row of `functions.deployments`. */
export function signDeployment(ring: KeyRing, row: UnsignedDeploymentRow): DeploymentRow {
  return { ...row, mac: ring.mac("row", deploymentMessage(row)) };
}

/** Authenticates a row of `functions.deployment_versions`. */
export function signCodeVersion(ring: KeyRing, row: UnsignedCodeVersionRow): CodeVersionRow {
  return { ...row, mac: ring.mac("row", versionMessage(row)) };
}

/**
 * Lets a deployment through if its row and the version that it points to are as they were written.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the function or job when they aren't.
 */
export function verifyDeployment(
  ring: KeyRing,
  { row, current }: StoredDeployment,
): { row: DeploymentRow; current: CodeVersionRow } {
  verifyDeploymentRow(ring, row);
  if (current === undefined) throw tampered(row, `Version ${row.version}`);
  return { row, current: verifyCodeVersion(ring, row, current) };
}

/**
 * Lets a row of `functions.deployments` through if it is as it was written.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the function or job when it isn't.
 */
export function verifyDeploymentRow(ring: KeyRing, row: DeploymentRow): DeploymentRow {
  if (isAuthentic(ring, () => deploymentMessage(row), row.mac)) return row;
  throw tampered(row, "Row");
}

/**
 * Lets a version through if it is as it was written and belongs to `owner`.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the function or job when it isn't.
 */
export function verifyCodeVersion(
  ring: KeyRing,
  owner: DeploymentIdentity,
  row: CodeVersionRow,
): CodeVersionRow {
  const genuine = row.deploymentId === owner.id &&
    isAuthentic(ring, () => versionMessage(row), row.mac);
  if (genuine) return row;
  throw tampered(owner, `Version ${row.version}`);
}

/** How a function or job is called in a message: `function hello`, `job @production/mail`. */
export function describeDeployment(
  { kind, namespace, name }: Pick<UnsignedDeploymentRow, "kind" | "namespace" | "name">,
): string {
  return `${kind} ${labelOf({ namespace, name })}`;
}

/** A name with its namespace, as one text: `hello` or `@production/hello`. */
export function labelOf(
  { namespace, name }: { readonly namespace: string | null; readonly name: string },
): string {
  return namespace === null ? name : `@${namespace}/${name}`;
}

function deploymentMessage(row: UnsignedDeploymentRow): Uint8Array {
  return canonical(DEPLOYMENT, [
    row.id,
    row.kind,
    row.namespace,
    row.name,
    row.version,
    row.createdAt,
    row.updatedAt,
    row.createdBy,
    row.updatedBy,
    row.deletedAt,
  ]);
}

function versionMessage(row: UnsignedCodeVersionRow): Uint8Array {
  return canonical(VERSION, [
    row.deploymentId,
    row.version,
    row.hash,
    row.settings,
    row.restored,
    row.createdAt,
    row.createdBy,
  ]);
}

function tampered(row: DeploymentIdentity, what: string): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `${what} of ${describeDeployment(row)} is not as it was written`,
  );
}
