/**
 * Queries about the log.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseNamespace } from "../resolve/ref.ts";
import type { LogFilter, LogPage } from "../store/log_lines.ts";
import type { AppContext } from "./env.ts";
import { queryOnce } from "./secret_locator.ts";

/** What lines can be about. This server keeps those of `execution`; its own log is on stderr. */
export const CATEGORIES = ["system", "http", "security", "execution", "ai", "custom"] as const;

const LEVELS = ["debug", "info", "warn", "error"] as const;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i;
const DEFAULT_LINES = 100;
const MOST_LINES = 1_000;
const LONGEST_SEARCH = 500;

/** Whether any line that is kept can be of the category asked for. */
export function asksForExecutions(c: AppContext): boolean {
  const category = oneOf("category", queryOnce(c, "category"), CATEGORIES);
  return (category ?? "execution") === "execution" && !queryOnce(c, "custom_category");
}

/** Reads which lines are asked for. @throws {AppError} INVALID_INPUT with the rule that is broken. */
export function parseLogFilter(c: AppContext): LogFilter {
  const given = (...names: string[]) => names.map((name) => queryOnce(c, name)).find(Boolean);
  const level = oneOf("level", given("level"), LEVELS);
  const name = given("component", "function");
  const namespace = given("namespace");
  const executionId = given("execution_id");
  const search = queryOnce(c, "search") || undefined;
  const requestId = given("request_id");
  const principal = given("user_id");
  if (executionId !== undefined && !UUID.test(executionId)) throw invalid("Invalid execution ID");
  if (search !== undefined && search.length > LONGEST_SEARCH) {
    throw invalid(`search must have at most ${LONGEST_SEARCH} characters`);
  }
  if (search?.includes("\0")) throw invalid("search must not hold a NUL");
  return {
    ...(level !== undefined && { level }),
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace: parseNamespace(namespace) }),
    ...(executionId !== undefined && { executionId }),
    ...(requestId !== undefined && { requestId }),
    ...(principal !== undefined && { principal }),
    ...(search !== undefined && { search }),
    ...rangeOf(c),
  };
}

/** Reads which part of the lines is asked for. @throws {AppError} INVALID_INPUT. */
export function parseLogPage(c: AppContext): LogPage {
  const cursor = queryOnce(c, "cursor");
  return {
    ascending: oneOf("sort_asc", queryOnce(c, "sort_asc"), ["true", "false"]) === "true",
    limit: limitOf(queryOnce(c, "limit")),
    ...(cursor !== undefined && { after: parseCursor(cursor) }),
  };
}

/** Writes a cursor; opaque to clients. */
export function formatLogCursor(last: { readonly logged_at: Date; readonly id: number }): string {
  return btoa(JSON.stringify([last.logged_at.getTime(), last.id]));
}

function parseCursor(text: string): NonNullable<LogPage["after"]> {
  try {
    const [time, id] = JSON.parse(atob(text)) as [unknown, unknown];
    if (typeof time !== "number" || !Number.isSafeInteger(id)) throw new TypeError();
    const at = new Date(time);
    at.toISOString();
    return { at, id: id as number };
  } catch {
    throw invalid("cursor must come from the page before");
  }
}

function rangeOf(c: AppContext): Pick<LogFilter, "since" | "until"> {
  const since = timeOf(c, "start_time", "since");
  const until = timeOf(c, "end_time", "until");
  if (since !== undefined && until !== undefined && since >= until) {
    throw invalid("The time range is empty: start_time must be before end_time");
  }
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

/** A date is the beginning of that day in UTC. */
function timeOf(c: AppContext, ...names: readonly [string, string]): Date | undefined {
  for (const name of names) {
    const text = queryOnce(c, name);
    if (!text) continue;
    try {
      if (DATE.test(text)) return toDate(`${text}T00:00:00Z`);
      if (TIME.test(text)) return toDate(text);
    } catch {
      // The rule is told below.
    }
    throw invalid(`${name} must be an RFC 3339 time or a date, such as 2030-12-31T00:00:00Z`);
  }
  return undefined;
}

/** Temporal refuses days that a month doesn't have; Date would roll them over. */
function toDate(text: string): Date {
  return new Date(Temporal.Instant.from(text).epochMilliseconds);
}

/**
 * One of the words that a query may have; nothing for none.
 *
 * @throws {AppError} INVALID_INPUT for any other.
 */
export function oneOf<T extends string>(
  name: string,
  text: string | undefined,
  known: readonly T[],
): T | undefined {
  if (!text) return undefined;
  const found = known.find((each) => each === text);
  if (found !== undefined) return found;
  throw invalid(`${name} must be one of: ${known.join(", ")}`);
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LINES;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST_LINES) return limit;
  throw invalid(`limit must be 1 to ${MOST_LINES}`);
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
