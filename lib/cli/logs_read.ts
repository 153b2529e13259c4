/**
 * `logs list` and `logs stats`.
 *
 * @module
 */
import { countOf, findLines, type LogEntry, placeOf, queryOf } from "./log_lines.ts";
import { formatTable } from "./layout.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

/** Lines of one request, and of one command. */
const PAGE = 1_000;
const MOST = 100_000;
/** The server counts up to here. */
const MOST_COUNTED = 10_000;

interface Stats {
  readonly total_entries: number;
  readonly entries_by_category: Readonly<Record<string, number>>;
  readonly entries_by_level: Readonly<Record<string, number>>;
  readonly oldest_entry: string | null;
  readonly newest_entry: string | null;
}

/** Lists lines. */
export async function listLogs(context: Context): Promise<void> {
  const limit = countOf(context, "limit", 100, MOST);
  const query = { ...queryOf(context), sort_asc: context.flags.on("asc") ? "true" : null };
  const client = await context.connect();
  const found: LogEntry[] = [];
  let cursor: string | null = null;
  let total = 0;
  do {
    const size = Math.min(PAGE, limit - found.length);
    const answer = await findLines(client, { ...query, cursor, limit: String(size) });
    found.push(...answer.page.entries);
    total = answer.page.total_count;
    cursor = answer.cursor;
  } while (cursor !== null && found.length < limit);
  await print(context, found, {
    columns: ["TIME", "LEVEL", "FUNCTION", "EXECUTION", "MESSAGE"],
    rows: found.map((line) => [
      formatTime(line.timestamp),
      line.level,
      placeOf(line),
      line.execution_id ?? "-",
      line.message,
    ]),
    empty: "No logs found.",
  });
  if (cursor !== null) {
    const all = total >= MOST_COUNTED ? `more than ${MOST_COUNTED}` : String(total);
    context.io.note(
      `Showing ${found.length} of ${all} total entries. Use --limit to see more.`,
    );
  }
}

/** Counts lines. */
export async function showLogStats(context: Context): Promise<void> {
  const query = queryOf(context);
  const client = await context.connect();
  const stats = await client.json<Stats>("GET", "/api/v1/admin/logs/stats", { query });
  if (context.settings.format !== "table") return await printData(context, stats);
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of).map(([name, count]) => [`  ${name}:`, String(count)]);
  context.io.out(formatTable([
    ["Lines:", String(stats.total_entries)],
    ...counts(stats.entries_by_level),
    ["Oldest:", formatTime(stats.oldest_entry)],
    ["Newest:", formatTime(stats.newest_entry)],
  ]));
}
