/**
 * Lines of the log: how they are asked for and shown.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import { printable } from "./job_info.ts";
import { formatTime } from "./output.ts";
import { parseMoment } from "./moment.ts";
import type { Context } from "./table.ts";

/** A line of the log. */
export interface LogEntry {
  readonly id: number;
  readonly timestamp: string;
  readonly category: string;
  readonly level: string;
  readonly message: string;
  readonly component: string;
  readonly execution_id: string | null;
  readonly fields: { readonly name: string; readonly namespace: string | null };
}

/** A part of the log. */
export interface LogPage {
  readonly entries: LogEntry[];
  readonly total_count: number;
  readonly has_more: boolean;
}

/** Parameters of a request; a missing one is left out. */
export type LogQuery = Readonly<Record<string, string | null | undefined>>;

const LOGS = "/api/v1/admin/logs";

/** Asks for lines. */
export async function findLines(
  client: Client,
  query: LogQuery,
): Promise<{ page: LogPage; cursor: string | null }> {
  const { data, headers } = await client.jsonWithHeaders<LogPage>("GET", LOGS, { query });
  return { page: data, cursor: headers.get("x-next-cursor") };
}

/** What the flags ask for. @throws {CliError} Exit 2 for a time that isn't understood. */
export function queryOf({ flags }: Context, now = new Date()): LogQuery {
  const moment = (...names: readonly [string, string]) => {
    const given = names.filter((name) => flags.text(name) !== undefined);
    if (given.length > 1) throw usageError(`--${names.join(" and --")} are the same; give one`);
    return given[0] === undefined ? null : parseMoment(given[0], flags.text(given[0])!, now);
  };
  return {
    category: flags.text("category"),
    custom_category: flags.text("custom-category"),
    level: flags.text("level"),
    component: flags.text("component") ?? flags.text("function"),
    namespace: flags.text("namespace"),
    execution_id: flags.text("execution"),
    request_id: flags.text("request-id"),
    user_id: flags.text("user-id"),
    search: flags.text("search"),
    start_time: moment("since", "from"),
    end_time: moment("until", "to"),
  };
}

/** Reads a number of lines. @throws {CliError} Exit 2. */
export function countOf({ flags }: Context, flag: string, fallback: number, most: number): number {
  const text = flags.text(flag);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw usageError(`--${flag} must be 1 to ${most}`);
}

/** A line as it is followed: as text, or as JSON in one line. */
export function lineText(context: Context, line: LogEntry): string {
  if (context.settings.format !== "table") return JSON.stringify(line);
  const { timestamp, level, message } = line;
  const place = placeOf(line);
  return `${formatTime(timestamp)}  ${level.padEnd(5)}  ${place}  ${printable(message)}`;
}

/** The function or job, with its namespace if it has one. */
export function placeOf({ fields: { name, namespace } }: Pick<LogEntry, "fields">): string {
  return namespace === null ? name : `${namespace}/${name}`;
}
