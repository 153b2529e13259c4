/**
 * Rotation: a key's new secret, and how long the old one stays good.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { ServiceKeyRow, UnsignedServiceKeyRow } from "../store/service_keys.ts";
import { boundCidrs, boundExpiry, type Bounds, DEFAULT_LIFE_MS, exceeds } from "./delegation.ts";

/** How a key is rotated. */
export interface Rotation {
  /** How long the old secret stays good, ms. Default a day. */
  readonly overlapMs?: number;
  /** `null` for never; left out, as long as the key lives now, from this moment. */
  readonly expiresAt?: Date | null;
}

/** What a rotation needs to know. */
export interface RotationContext {
  readonly now: Date;
  /** Of those who rotate, and of the key's maker. */
  readonly bounds: readonly Bounds[];
  /** The MAC of the new key. */
  readonly tokenMac: Uint8Array;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
/** How long an old secret stays good unless something else is said, ms. */
export const DEFAULT_OVERLAP_MS = DAY_MS;
/** The longest overlap, ms. */
export const MAX_OVERLAP_MS = 30 * DAY_MS;

/**
 * The columns that a rotation changes. Of an overlap under way only the newer secret stays.
 *
 * @throws {AppError} CONFLICT when the key is no longer good or was traded for a token.
 * @throws {AppError} INVALID_INPUT when the key would live shorter than it does: what was made with
 * it must not outlive it.
 * @throws {AppError} ACCESS_DENIED when the key reaches beyond a bound.
 */
export function rotate(
  row: ServiceKeyRow,
  { overlapMs = DEFAULT_OVERLAP_MS, expiresAt }: Rotation,
  { now, bounds, tokenMac }: RotationContext,
): Partial<UnsignedServiceKeyRow> {
  refuseOver(row, now);
  if (!(overlapMs >= 0 && overlapMs <= MAX_OVERLAP_MS)) {
    throw new AppError("INVALID_INPUT", "Overlap must be 0 to 30 days");
  }
  const next = nextExpiry(row, expiresAt, now, bounds);
  for (const bound of bounds) refuseBeyond(row, next, bound);
  const until = now.getTime() + overlapMs;
  return {
    tokenMac,
    previousMac: overlapMs === 0 ? null : row.tokenMac,
    previousUntil: overlapMs === 0
      ? null
      : new Date(Math.min(until, row.expiresAt?.getTime() ?? until)),
    expiresAt: next,
  };
}

function refuseOver({ kind, revokedAt, expiresAt }: ServiceKeyRow, now: Date): void {
  if (revokedAt !== null) throw new AppError("CONFLICT", "Service key is revoked; make a new one");
  if (expiresAt !== null && expiresAt <= now) {
    throw new AppError("CONFLICT", "Service key is expired; make a new one");
  }
  if (kind === "key") return;
  throw new AppError("CONFLICT", "An exchanged key is not rotated; exchange the token again");
}

function nextExpiry(
  { createdAt, expiresAt }: ServiceKeyRow,
  wanted: Date | null | undefined,
  now: Date,
  bounds: readonly Bounds[],
): Date | null {
  if (wanted !== undefined) {
    if (wanted === null || (expiresAt !== null && wanted >= expiresAt)) return wanted;
    throw new AppError("INVALID_INPUT", "A rotation doesn't shorten a key's life; revoke it");
  }
  if (expiresAt === null) return null;
  const life = Math.min(expiresAt.getTime() - createdAt.getTime(), DEFAULT_LIFE_MS);
  const renewed = bounds.reduce<Date | null>(
    (date, bound) => boundExpiry(date, bound, false),
    new Date(now.getTime() + life),
  );
  return renewed !== null && renewed > expiresAt ? renewed : expiresAt;
}

/** Who gets the new secret holds it as long, and from where, as the key is good. */
function refuseBeyond({ cidrs }: ServiceKeyRow, next: Date | null, bound: Bounds): void {
  boundExpiry(next, bound, true);
  if (bound.cidrs !== null && cidrs === null) throw exceeds("the address range");
  boundCidrs(cidrs, bound);
}
