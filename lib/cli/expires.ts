/**
 * When a secret expires, as typed: a period from now, a date, a date and time, or never.
 *
 * @module
 */
import { type CliError, usageError } from "./failure.ts";

const UNITS = ["y", "mo", "w", "d", "h", "m", "s"] as const;
const FIELDS = ["years", "months", "weeks", "days", "hours", "minutes", "seconds"] as const;
const PERIOD = new RegExp(`^(?=\\d)${UNITS.map((unit) => `(?:(\\d{1,6})${unit})?`).join("")}$`);
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/;

/** What `--expires` takes, for help and for errors. */
export const EXPIRES_RULE =
  "30d, 12h, 2w, 6mo, 1y, 90m, 45s, several of them as in 1y6mo, 2027-01-31, 2027-01-31T09:00:00Z, or never";

/**
 * Works out the time; `null` is never. Years and months are those of the calendar in UTC, a date
 * is the beginning of that day in UTC.
 *
 * @throws {CliError} Exit 2 when the text isn't understood, or the time isn't to come.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseExpires } from "./expires.ts";
 *
 * const now = Temporal.Instant.from("2026-01-31T12:00:00Z");
 * assertEquals(parseExpires("1mo", now), "2026-02-28T12:00:00Z");
 * assertEquals(parseExpires("never", now), null);
 * ```
 */
export function parseExpires(text: string, now: Temporal.Instant): string | null {
  if (text === "never") return null;
  const instant = parseInstant(text, now);
  if (instant === null) throw usageError(`--expires is not understood; it takes ${EXPIRES_RULE}`);
  if (Temporal.Instant.compare(instant, now) <= 0) {
    throw usageError("--expires is not in the future");
  }
  // RFC 3339 has four digits for the year.
  if (instant.toZonedDateTimeISO("UTC").year > 9999) throw tooFar();
  return instant.toString({
    smallestUnit: instant.epochMilliseconds % 1000 === 0 ? "second" : "millisecond",
  });
}

function parseInstant(text: string, now: Temporal.Instant): Temporal.Instant | null {
  const period = PERIOD.exec(text);
  if (period !== null) return addPeriod(period.slice(1), now);
  if (DATE.test(text)) return toInstant(`${text}T00:00:00Z`);
  const time = TIME.exec(text);
  if (time === null) return null;
  if (time[1] === undefined) {
    throw usageError("--expires with a time of day needs its offset from UTC, such as Z or +02:00");
  }
  return toInstant(text);
}

function addPeriod(
  amounts: readonly (string | undefined)[],
  now: Temporal.Instant,
): Temporal.Instant {
  const entries = FIELDS.map((field, i) => [field, Number(amounts[i] ?? 0)]);
  try {
    return now.toZonedDateTimeISO("UTC").add(Object.fromEntries(entries)).toInstant();
  } catch {
    throw tooFar();
  }
}

/** `null` for a day or an hour that no calendar has. */
function toInstant(text: string): Temporal.Instant | null {
  try {
    return Temporal.Instant.from(text);
  } catch {
    return null;
  }
}

function tooFar(): CliError {
  return usageError("--expires is too far away");
}
