/**
 * What somebody may hand on: never more than they hold, and never for longer.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Grant, holds, type Principal } from "../principal/principal.ts";
import { coversCidrs } from "./cidr.ts";

/** How long a key lives when nothing else is said, ms. */
export const DEFAULT_LIFE_MS = 90 * 24 * 60 * 60 * 1_000;

/** How far a maker's own key reaches; `null` is no bound. */
export interface Bounds {
  readonly expiresAt: Date | null;
  readonly cidrs: readonly string[] | null;
}

/**
 * Tells whether `principal` may make, see, replace or revoke a key with these grants: each must be
 * held, and `keys:admin` must reach over all of it.
 */
export function administers(principal: Principal, grants: readonly Grant[]): boolean {
  return grants.every((grant) =>
    holds(principal, grant) && holds(principal, { ...grant, actions: ["keys:admin"] })
  );
}

/**
 * The expiry of a key.
 *
 * @param wanted `null` for never.
 * @param asked Whether somebody asked for just that; otherwise the bound shortens it silently.
 * @throws {AppError} ACCESS_DENIED when it was asked for and lies beyond the bound.
 */
export function boundExpiry(wanted: Date | null, bounds: Bounds, asked: boolean): Date | null {
  const { expiresAt } = bounds;
  if (expiresAt === null || (wanted !== null && wanted <= expiresAt)) return wanted;
  if (asked) throw exceeds("the expiry");
  return expiresAt;
}

/**
 * The addresses of a key: the bound's own where nothing is asked for.
 *
 * @throws {AppError} ACCESS_DENIED when they reach beyond the bound.
 */
export function boundCidrs(
  wanted: readonly string[] | null,
  { cidrs }: Bounds,
): readonly string[] | null {
  if (cidrs === null || wanted === null) return wanted ?? cidrs;
  if (coversCidrs(cidrs, wanted)) return wanted;
  throw exceeds("the address range");
}

/** The refusal of what goes beyond one's own. */
export function exceeds(what: string): AppError {
  return new AppError("ACCESS_DENIED", `Insufficient permissions: ${what} exceeds your own`);
}
