/**
 * Who may do what with deployed code.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Action, can, EVERYTHING, holds, type Principal } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { FunctionSettings } from "../runtime/code/settings.ts";
import { opensClosed } from "../runtime/network.ts";
import type { CodeKind } from "../store/deployment_rows.ts";

/** What can be done with deployed code. */
export type CodeAct = "read" | "deploy" | "delete";

/** What code is called. */
export interface CodePlace {
  readonly name: string;
  readonly namespace: Namespace | null;
}

/** The action that is granted for an act on a kind. */
export function actionOf(kind: CodeKind, act: CodeAct): Action {
  return `${kind}s:${act}`;
}

/** Whether the principal may do this with the code of that place; with any, when it is left out. */
export function mayTouch(
  principal: Principal,
  kind: CodeKind,
  act: CodeAct,
  place?: CodePlace,
): boolean {
  return can(principal, actionOf(kind, act), place ?? {});
}

/**
 * Lets a principal by who may do this with the code of every place.
 *
 * @throws {AppError} ACCESS_DENIED naming the action.
 */
export function demand(
  principal: Principal,
  kind: CodeKind,
  act: CodeAct,
  places: readonly CodePlace[] = [],
): void {
  const denied = places.length === 0
    ? !mayTouch(principal, kind, act)
    : places.some((place) => !mayTouch(principal, kind, act, place));
  if (!denied) return;
  throw new AppError(
    "ACCESS_DENIED",
    `Insufficient permissions: ${actionOf(kind, act)} is not granted`,
  );
}

/**
 * Demands a grant of everything for code that is to reach what is closed unless its network list
 * names it. A cloud's metadata service hands out the machine's own credentials, so that is the
 * operator's to open and not that of everybody who may deploy somewhere.
 *
 * @throws {AppError} ACCESS_DENIED.
 */
export function demandNetwork(
  principal: Principal,
  { name }: CodePlace,
  { network }: Pick<FunctionSettings, "network">,
): void {
  if (network === null || !opensClosed(network) || holds(principal, EVERYTHING)) return;
  throw new AppError(
    "ACCESS_DENIED",
    `Insufficient permissions: the network list of ${name} opens addresses of this machine or its ` +
      "cloud, which needs a grant of everything",
  );
}
