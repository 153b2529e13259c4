/**
 * Who may do what with deployed code.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Action, can, type Principal } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
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
