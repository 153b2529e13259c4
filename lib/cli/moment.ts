/**
 * A moment in the past, as typed: a period before now, a date, or a date and time.
 *
 * @module
 */
import { usageError } from "./failure.ts";

/** What a moment may be, for help and for errors. */
export const MOMENT_RULE = "30m, 1h, 7d or 2w ago, 2026-01-31, or 2026-01-31T09:00:00Z";

const PERIOD = /^(\d{1,6})(s|m|h|d|w)$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Works out the moment, as RFC 3339. A date is the beginning of that day in UTC.
 *
 * @param flag The flag's name, for the error.
 * @throws {CliError} Exit 2 when the text isn't understood.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseMoment } from "./moment.ts";
 *
 * const now = new Date("2026-01-31T12:00:00Z");
 * assertEquals(parseMoment("since", "1h", now), "2026-01-31T11:00:00.000Z");
 * assertEquals(parseMoment("since", "2026-01-01", now), "2026-01-01T00:00:00.000Z");
 * ```
 */
export function parseMoment(flag: string, text: string, now: Date): string {
  const period = PERIOD.exec(text);
  try {
    if (period !== null) {
      const ms = Number(period[1]) * SECONDS[period[2]!]! * 1_000;
      return new Date(now.getTime() - ms).toISOString();
    }
    if (DATE.test(text)) return toIso(`${text}T00:00:00Z`);
    if (TIME.test(text)) return toIso(text);
  } catch {
    // A day or an hour that no calendar has: the rule is told below.
  }
  throw usageError(`--${flag} is not understood; it takes ${MOMENT_RULE}`);
}

function toIso(text: string): string {
  return new Date(Temporal.Instant.from(text).epochMilliseconds).toISOString();
}
