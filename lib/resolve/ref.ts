/**
 * What a secret is called: scope, namespace and name, parsed once at the edge.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** A parsed namespace. Made by {@linkcode parseNamespace} only. */
export type Namespace = string & { readonly __brand: "Namespace" };
/** A parsed secret name, in upper case. Made by {@linkcode parseSecretName} only. */
export type SecretName = string & { readonly __brand: "SecretName" };

/** What a secret is called. `namespace` is `null` in global scope. */
export interface SecretRef {
  readonly namespace: Namespace | null;
  readonly name: SecretName;
}

/** The two scopes of function secrets. */
export type ScopeName = "global" | "namespace";

const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const RESERVED_PREFIX = "FLUXBASE_";

/**
 * Parses a namespace.
 *
 * @throws {AppError} INVALID_INPUT when it breaks the rule.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseNamespace } from "./ref.ts";
 *
 * assertEquals(String(parseNamespace("production")), "production");
 * ```
 */
export function parseNamespace(text: string): Namespace {
  if (!NAMESPACE.test(text)) {
    throw new AppError(
      "INVALID_INPUT",
      "Namespace must be 1 to 63 of A-Z a-z 0-9 . _ - and begin with a letter or digit",
    );
  }
  return text as Namespace;
}

/**
 * Parses a secret name and returns it in upper case.
 *
 * @throws {AppError} INVALID_INPUT when it breaks the rule or has the reserved prefix `FLUXBASE_`.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSecretName } from "./ref.ts";
 *
 * assertEquals(String(parseSecretName("api_key")), "API_KEY");
 * ```
 */
export function parseSecretName(text: string): SecretName {
  if (!NAME.test(text)) {
    throw new AppError(
      "INVALID_INPUT",
      "Name must be 1 to 128 of A-Z a-z 0-9 _ and begin with a letter or _",
    );
  }
  const name = text.toUpperCase();
  if (name.startsWith(RESERVED_PREFIX)) {
    throw new AppError("INVALID_INPUT", `Name must not begin with the reserved ${RESERVED_PREFIX}`);
  }
  return name as SecretName;
}

/** The scope that a reference lies in. */
export function scopeOf(ref: SecretRef): ScopeName {
  return ref.namespace === null ? "global" : "namespace";
}
