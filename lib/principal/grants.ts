/**
 * Grants from outside: parsed strictly, written canonically.
 *
 * @module
 */
import type { Field } from "../crypto/canonical.ts";
import { AppError } from "../errors.ts";
import { type Action, ACTIONS, GLOBAL_SCOPE, type Grant } from "./principal.ts";

const NAMESPACE_GLOB = /^[A-Za-z0-9._*-]{1,63}$/;
const NAME_GLOB = /^[A-Za-z0-9_*.-]{1,128}$/;
/** More stars than this make matching slow and a grant unreadable. */
const MAX_STARS = 4;
const MAX_GRANTS = 100;
const MAX_GLOBS = 100;

/**
 * Parses a list of grants. Runs of `*` become one.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseGrants } from "./grants.ts";
 *
 * const [grant] = parseGrants([{ actions: ["secrets:read"], namespaces: ["prod**"], names: ["*"] }]);
 * assertEquals(grant?.namespaces, ["prod*"]);
 * ```
 */
export function parseGrants(input: unknown): Grant[] {
  if (!Array.isArray(input) || input.length === 0 || input.length > MAX_GRANTS) {
    throw invalid(`Grants must be a list of 1 to ${MAX_GRANTS}`);
  }
  return input.map((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) throw invalid("A grant must be an object");
    const { actions, namespaces, names } = entry as Record<string, unknown>;
    return {
      actions: texts("actions", actions).map(parseAction),
      namespaces: texts("namespaces", namespaces).map(parseNamespaceGlob),
      names: texts("names", names).map((text) => parseGlob("names", NAME_GLOB, text)),
    };
  });
}

/** Grants as fields of a canonical list; each list goes with its length, so none runs together. */
export function grantFields(grants: readonly Grant[]): Field[] {
  const list = (items: readonly string[]): Field[] => [items.length, ...items];
  return [
    grants.length,
    ...grants.flatMap((g) => [...list(g.actions), ...list(g.namespaces), ...list(g.names)]),
  ];
}

function texts(field: string, input: unknown): string[] {
  const list: unknown[] = Array.isArray(input) ? input : [];
  const ok = list.length > 0 && list.length <= MAX_GLOBS;
  if (ok && list.every((item) => typeof item === "string")) return list;
  throw invalid(`A grant's ${field} must be a list of 1 to ${MAX_GLOBS} texts`);
}

function parseAction(text: string): Action | "*" {
  const action = ["*" as const, ...ACTIONS].find((known) => known === text);
  if (action === undefined) {
    throw invalid(`A grant's actions must be of: *, ${ACTIONS.join(", ")}`);
  }
  return action;
}

function parseNamespaceGlob(text: string): string {
  return text === GLOBAL_SCOPE ? text : parseGlob("namespaces", NAMESPACE_GLOB, text);
}

function parseGlob(field: string, shape: RegExp, text: string): string {
  const glob = text.replace(/\*+/g, "*");
  if (shape.test(text) && glob.split("*").length <= MAX_STARS + 1) return glob;
  throw invalid(`A grant's ${field} must be globs with at most ${MAX_STARS} *`);
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
