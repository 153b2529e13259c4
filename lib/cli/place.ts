/**
 * Which secret a command means: its name, its namespace and where the API keeps it.
 *
 * @module
 */
import { parseNamespace, parseSecretName, type ScopeName, type SecretRef } from "../resolve/ref.ts";
import { usageError } from "./failure.ts";
import type { Context, Flags } from "./table.ts";

/** A secret as the API returns it. */
export interface SecretInfo {
  readonly id: string;
  readonly name: string;
  readonly scope: ScopeName;
  readonly namespace?: string;
  readonly description?: string;
  readonly version: number;
  readonly expires_at?: string;
  readonly is_expired?: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly created_by?: string;
  readonly updated_by?: string;
}

/** The `--scope` flag, checked; `undefined` when it wasn't given. */
export function parseScope(flags: Flags): ScopeName | undefined {
  const scope = flags.text("scope");
  if (scope === undefined || scope === "global" || scope === "namespace") return scope;
  throw usageError("Scope must be 'global' or 'namespace'");
}

/**
 * The secret that NAME, `--namespace` and `--scope` name together.
 *
 * @throws {CliError} Exit 2 when scope and namespace contradict one another.
 * @throws {AppError} INVALID_INPUT when a name breaks its rule.
 */
export function secretRef(context: Context): SecretRef {
  const scope = parseScope(context.flags);
  const namespace = context.flags.text("namespace");
  if (scope === "namespace" && namespace === undefined) {
    throw usageError("--namespace is required when scope is 'namespace'");
  }
  if (scope === "global" && namespace !== undefined) {
    throw usageError("--namespace cannot be given when scope is 'global'");
  }
  return {
    namespace: namespace === undefined ? null : parseNamespace(namespace),
    name: parseSecretName(context.args.NAME!),
  };
}

/** The path of a secret in the API. */
export function secretPath(ref: SecretRef): string {
  return `/api/v1/secrets/by-name/${ref.name}`;
}

/** A version number, as typed. */
export function parseVersion(text: string, what: string): number {
  const version = Number(text);
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(version)) {
    throw usageError(`${what} must be a whole number from 1`);
  }
  return version;
}
