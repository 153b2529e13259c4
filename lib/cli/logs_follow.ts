/**
 * `logs tail` and `logs execution`: the newest lines, and those that come.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import {
  countOf,
  findLines,
  lineText,
  type LogEntry,
  type LogQuery,
  queryOf,
} from "./log_lines.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

const PAGE = 1_000;
const PAUSE_MS = 1_000;
/** Several servers write at once, so a line can come after one that was printed later. */
const LATE_MS = 10_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Shows the newest lines, and with --follow those that come. */
export async function tailLogs(context: Context): Promise<void> {
  await show(context, queryOf(context), countOf(context, "lines", 20, PAGE));
}

/** Shows the lines of one execution, and with --follow those that come. */
export async function executionLogs(context: Context): Promise<void> {
  const id = context.args.ID!;
  if (!UUID.test(id)) throw usageError("ID must be that of an execution");
  // A run keeps about as many lines.
  await show(context, { execution_id: id }, countOf(context, "tail", PAGE, PAGE));
}

async function show(context: Context, query: LogQuery, lines: number): Promise<void> {
  const client = await context.connect();
  const { page } = await findLines(client, { ...query, limit: String(lines) });
  const found = page.entries.reverse();
  if (context.flags.on("follow")) return await follow(context, client, query, found);
  if (context.settings.format !== "table") return await printData(context, found);
  if (found.length === 0) return context.io.note("No logs found.");
  for (const line of found) context.io.out(lineText(context, line));
}

/** Prints lines as they come, until the process is ended. */
async function follow(
  context: Context,
  client: Client,
  query: LogQuery,
  first: readonly LogEntry[],
): Promise<never> {
  const seen = new Map<number, number>();
  const take = (lines: readonly LogEntry[]) => {
    for (const line of lines) {
      if (!seen.has(line.id)) context.io.out(lineText(context, line));
      seen.set(line.id, Date.parse(line.timestamp));
    }
  };
  take(first);
  while (true) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const newest = Math.max(...seen.values());
    const from = seen.size === 0 ? null : new Date(newest - LATE_MS).toISOString();
    for (const [id, at] of seen) if (at < newest - LATE_MS) seen.delete(id);
    let cursor: string | null = null;
    do {
      const part: Awaited<ReturnType<typeof findLines>> = await findLines(client, {
        ...query,
        start_time: from,
        sort_asc: "true",
        limit: String(PAGE),
        cursor,
      });
      take(part.page.entries);
      cursor = part.cursor;
    } while (cursor !== null);
  }
}
