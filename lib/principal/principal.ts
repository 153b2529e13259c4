/**
 * Who asks, and what they may do. Pure: one table of grants, one question.
 *
 * @module
 */
import { coversGlob, globPattern, globRanges, matchesGlob, type TextRange } from "./glob.ts";
import type { Namespace } from "../resolve/ref.ts";

/** Everything that can be granted. */
export const ACTIONS = [
  "secrets:list",
  "secrets:read",
  "secrets:write",
  "secrets:delete",
  "secrets:rollback",
  "functions:invoke",
  "functions:read",
  "functions:deploy",
  "functions:delete",
  "jobs:read",
  "jobs:deploy",
  "jobs:delete",
  "jobs:submit",
  "jobs:manage",
  "logs:read",
  "settings:list",
  "settings:read",
  "settings:write",
  "settings:delete",
  "settings:own",
  "settings:user",
  "keys:admin",
  "audit:read",
] as const;

/**
 * Something that can be done. `secrets:read` is about metadata; no action reads a value.
 * `functions:invoke` is what injects values, into a function. `settings:list` and its like are about
 * the system's settings, which lie in the global scope; `settings:own` is about those of the user who
 * asks, and nobody else's; `settings:user` lets somebody act for any user. `keys:admin` reaches as far as its globs do.
 */
export type Action = typeof ACTIONS[number];

/**
 * The name of the global scope in a grant's `namespaces`. No namespace can be called this. A glob
 * other than `*` doesn't match it: who may write in one namespace must not change them all.
 */
export const GLOBAL_SCOPE = "@global";

/** One permission: these actions, in these namespaces, on these names. */
export interface Grant {
  /** Actions, or `*` for all. */
  readonly actions: readonly (Action | "*")[];
  /** Globs over namespaces, {@linkcode GLOBAL_SCOPE} for the global scope, `*` for everything. */
  readonly namespaces: readonly string[];
  /** Globs over names of secrets (in upper case) or of functions, or over keys of settings. */
  readonly names: readonly string[];
}

/** Where a request came from. */
export interface Origin {
  readonly address: string | null;
  readonly requestId: string | null;
}

/** Who asks. */
export interface Principal {
  /** Stands in `created_by` and `updated_by`. */
  readonly id: string;
  readonly kind: "service_key" | "user";
  readonly grants: readonly Grant[];
  /** Who the user is to the application, from the token's subject; nobody for a service key. */
  readonly userId?: string;
  /** When what was shown stops being good; missing when it doesn't. */
  readonly expiresAt?: Date;
  /** Where this request came from; it stands in records and decides nothing. */
  readonly origin?: Origin;
}

/** What an action is about; a missing part means that the action has none. */
export interface Target {
  readonly namespace?: Namespace | null;
  readonly name?: string;
}

/** The grant of an administrator: everything. */
export const EVERYTHING: Grant = { actions: ["*"], namespaces: ["*"], names: ["*"] };

/**
 * Tells whether one of the principal's grants covers `action` on `target`.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { can, type Principal } from "./principal.ts";
 * import { parseNamespace, parseSecretName } from "../resolve/ref.ts";
 *
 * const deployer: Principal = {
 *   id: "1",
 *   kind: "service_key",
 *   grants: [{ actions: ["secrets:write"], namespaces: ["prod*"], names: ["*"] }],
 * };
 * const ref = { namespace: parseNamespace("prod-eu"), name: parseSecretName("API_KEY") };
 * assertEquals(can(deployer, "secrets:write", ref), true);
 * assertEquals(can(deployer, "secrets:delete", ref), false);
 * assertEquals(can(deployer, "secrets:write", { ...ref, namespace: null }), false);
 * ```
 */
export function can(principal: Principal, action: Action, target: Target = {}): boolean {
  return principal.grants.some((grant) =>
    (grant.actions.includes("*") || grant.actions.includes(action)) &&
    (target.namespace === undefined || coversNamespace(grant, target.namespace)) &&
    (target.name === undefined || grant.names.some((glob) => matchesGlob(glob, target.name!)))
  );
}

/** Tells whether the principal may know that `namespace` is there: some grant is about it. */
export function sees(principal: Principal, namespace: Namespace | null): boolean {
  return principal.grants.some((grant) => coversNamespace(grant, namespace));
}

/**
 * Tells whether everything that `grant` allows is allowed to `principal`; nobody grants more. Each
 * of its actions may come from another grant of theirs.
 */
export function holds(principal: Principal, grant: Grant): boolean {
  return grant.actions.every((action) =>
    principal.grants.some((own) =>
      coversAll(own.actions, [action]) && coversAll(own.names, grant.names) &&
      grant.namespaces.every((glob) => own.namespaces.some((wide) => coversNamespaces(wide, glob)))
    )
  );
}

/** What a principal may see of a list, as patterns for a query: the union of the entries. */
export interface Visibility {
  /** Whether the global scope is included. */
  readonly global: boolean;
  /** Source of a regular expression over all of a namespace; `null` matches none. */
  readonly namespaces: string | null;
  /** Where those namespaces lie in an ordered list of all, so that others need not be read. */
  readonly ranges: readonly TextRange[];
  /** Source of a regular expression over all of a name. */
  readonly names: string;
}

/** The part of a list on which the principal may do `action`. */
export function visibility(principal: Principal, action: Action): Visibility[] {
  const granted = principal.grants.filter(({ actions }) =>
    actions.includes("*") || actions.includes(action)
  );
  return granted.map((grant) => {
    const { namespaces, names } = grant;
    const globs = namespaces.filter((glob) => glob !== GLOBAL_SCOPE);
    return {
      global: coversNamespace(grant, null),
      namespaces: globs.length === 0 ? null : globPattern(globs),
      ranges: globRanges(globs),
      names: globPattern(names),
    };
  });
}

function coversNamespace(grant: Grant, namespace: Namespace | null): boolean {
  return grant.namespaces.some((glob) =>
    namespace === null
      ? glob === "*" || glob === GLOBAL_SCOPE
      : glob !== GLOBAL_SCOPE && matchesGlob(glob, namespace)
  );
}

function coversAll(wide: readonly string[], narrow: readonly string[]): boolean {
  return narrow.every((glob) => wide.some((own) => own === "*" || coversGlob(own, glob)));
}

function coversNamespaces(wide: string, narrow: string): boolean {
  if (wide === "*" || wide === narrow) return true;
  // `*` alone holds the global scope, too, so no other glob covers either of the two.
  return narrow !== "*" && narrow !== GLOBAL_SCOPE && coversGlob(wide, narrow);
}
