/**
 * Spans and moments.
 *
 * @module
 */

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** The moment `ms` milliseconds before `now`. */
export function ago(now: Date, ms: number): Date {
  return new Date(now.getTime() - ms);
}
