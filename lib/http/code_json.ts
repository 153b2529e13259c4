/**
 * Deployed code as JSON.
 *
 * @module
 */
import type { Deployed } from "../deploy/deployed_code.ts";
import type { DeployResult } from "../deploy/deployer.ts";
import type { Listed } from "../deploy/catalogue.ts";
import type { FunctionSettings } from "../runtime/code/settings.ts";
import type { CodeVersionRow } from "../store/deployment_rows.ts";

/** A deployed function or job. */
export function deployedJson({ row, version, settings }: Deployed) {
  return {
    id: row.id,
    name: row.name,
    namespace: row.namespace,
    source: "deployed",
    version: row.version,
    hash: version.hash,
    enabled: true,
    ...settingsJson(settings),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    created_by: row.createdBy,
    updated_by: row.updatedBy,
  };
}

/** A function or job of the working directory. */
export function directoryJson(
  place: { readonly name: string; readonly namespace: string | null },
  code: { readonly hash: string; readonly settings: FunctionSettings },
) {
  const { name, namespace } = place;
  return {
    name,
    namespace,
    source: "directory",
    version: null,
    hash: code.hash,
    enabled: true,
    ...settingsJson(code.settings),
  };
}

/** An entry of a list. */
export function listedJson({ name, namespace, source, version, updatedAt, tampered }: Listed) {
  return {
    name,
    namespace,
    source,
    version,
    updated_at: updatedAt,
    enabled: !tampered,
    ...(tampered && { tampered }),
  };
}

/** One version of a history. */
export function codeVersionJson(row: CodeVersionRow) {
  return {
    version: row.version,
    hash: row.hash,
    restored_version: row.restored,
    created_at: row.createdAt,
    created_by: row.createdBy,
  };
}

/** What a deployment did, or would do. */
export function deployResultJson(
  result: DeployResult,
  { namespace, dryRun }: { readonly namespace: string | null; readonly dryRun: boolean },
) {
  const { created, updated, unchanged, deleted } = result;
  return {
    message: dryRun ? "Dry run: nothing was changed" : "Deployed",
    namespace,
    dry_run: dryRun,
    summary: {
      created: created.length,
      updated: updated.length,
      unchanged: unchanged.length,
      deleted: deleted.length,
      errors: 0,
    },
    details: { created, updated, unchanged, deleted },
    errors: [],
  };
}

function settingsJson({ timeoutMs, memoryMb, network, secrets, anonymous }: FunctionSettings) {
  return {
    timeout_seconds: timeoutMs === null ? null : timeoutMs / 1_000,
    memory_limit_mb: memoryMb,
    allow_net: network === null || network.length > 0,
    network,
    secrets,
    allow_unauthenticated: anonymous,
  };
}
