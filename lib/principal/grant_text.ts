/**
 * Grants as people write them: `secrets:read,secrets:list @ prod* : STRIPE_*`.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseGrants } from "./grants.ts";
import type { Grant } from "./principal.ts";

/** What {@linkcode parseGrantText} takes, for help and for errors. */
export const GRANT_RULE = "ACTIONS @ NAMESPACES : NAMES, lists with commas, such as " +
  "secrets:read,secrets:list @ prod* : STRIPE_*";

const SHAPE = /^([^@,\s]+(?:\s*,\s*[^@,\s]+)*)(?:\s+@\s+([^:]+?))?(?:\s+:\s+(.+))?$/;

/**
 * Parses one grant. What is left out is everything: all names, and all namespaces with the global
 * scope, which alone is written `@global`.
 *
 * @param text The grant.
 * @param namespaces What stands for the namespaces when the text names none.
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseGrantText } from "./grant_text.ts";
 *
 * assertEquals(parseGrantText("secrets:read, secrets:list @ prod*,@global : STRIPE_*"), {
 *   actions: ["secrets:read", "secrets:list"],
 *   namespaces: ["prod*", "@global"],
 *   names: ["STRIPE_*"],
 * });
 * assertEquals(parseGrantText("functions:invoke").namespaces, ["*"]);
 * ```
 */
export function parseGrantText(text: string, namespaces: readonly string[] = ["*"]): Grant {
  const found = SHAPE.exec(text.trim());
  if (found === null) throw new AppError("INVALID_INPUT", `A grant is ${GRANT_RULE}`);
  const [, actions, places, names] = found;
  const [grant] = parseGrants([{
    actions: items(actions!),
    namespaces: places === undefined ? namespaces : items(places),
    names: names === undefined ? ["*"] : items(names),
  }]);
  return grant!;
}

/** Writes a grant so that {@linkcode parseGrantText} reads it back. */
export function formatGrant({ actions, namespaces, names }: Grant): string {
  const parts = [actions.join(",")];
  if (namespaces.join() !== "*") parts.push("@", namespaces.join(","));
  if (names.join() !== "*") parts.push(":", names.join(","));
  return parts.join(" ");
}

function items(list: string): string[] {
  return list.split(",").map((item) => item.trim());
}
