/**
 * `audit list`, `tail`, `export` and `verify`.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { printable } from "./job_info.ts";
import { countOf, type LogQuery } from "./log_lines.ts";
import { parseMoment } from "./moment.ts";
import { writeNewFile } from "./new_file.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

const AUDIT = "/api/v1/admin/audit";
/** Records of one request, and of one command. */
const PAGE = 1_000;
const MOST = 100_000;
const PAUSE_MS = 1_000;
/** Several servers write at once, so a record can come after one that was printed later. */
const LATE_MS = 10_000;

interface AuditRecord {
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly principal: string | null;
  readonly principal_kind: string;
  readonly address: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly version: number | null;
  readonly count: number;
  readonly stream: string | null;
  readonly first_revision: number;
  readonly intact: boolean;
}

interface Page {
  readonly records: readonly AuditRecord[];
  readonly next_cursor: string | null;
}

/** Lists records, newest first. */
export async function listAudit(context: Context): Promise<void> {
  const limit = countOf(context, "limit", 100, MOST);
  const query = queryOf(context);
  const client = await context.connect();
  const found: AuditRecord[] = [];
  for await (const records of pagesOf(client, query, Math.min(PAGE, limit))) {
    found.push(...records.slice(0, limit - found.length));
    if (found.length >= limit) break;
  }
  await print(context, found, {
    columns: ["TIME", "ACTION", "OUTCOME", "WHO", "FROM", "WHAT", "VERSION", "COUNT"],
    rows: found.map(cellsOf),
    empty: "No records found.",
  });
  warnOf(context, found);
}

/** Shows the newest records, oldest first, and with --follow those that come. */
export async function tailAudit(context: Context): Promise<void> {
  const lines = countOf(context, "lines", 20, PAGE);
  const query = queryOf(context);
  const client = await context.connect();
  const { records } = await pageOf(client, { ...query, limit: String(lines) });
  const first = records.toReversed();
  if (context.flags.on("follow")) return await follow(context, client, query, first);
  if (context.settings.format !== "table") return await printData(context, first);
  for (const record of first) context.io.out(lineOf(context, record));
  if (first.length === 0) context.io.note("No records found.");
  warnOf(context, first);
}

/** Writes every record as a line of JSON. */
export async function exportAudit(context: Context): Promise<void> {
  const path = context.flags.text("file");
  const query = queryOf(context);
  const client = await context.connect();
  let count = 0;
  const writeAll = async (write: (text: string) => Promise<void> | void) => {
    for await (const records of pagesOf(client, query, PAGE)) {
      const text = records.map((record) => JSON.stringify(record)).join("\n");
      if (records.length > 0) await write(text);
      count += records.length;
    }
  };
  if (path === undefined) await writeAll(context.io.out);
  else await exportTo(context.settings.resolvePath(path), writeAll);
  context.io.note(`Exported ${count} records.`);
}

function exportTo(
  path: string,
  writeAll: (write: (text: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const encoder = new TextEncoder();
  return writeNewFile(
    path,
    "audit export > FILE",
    (write) => writeAll((text) => write(encoder.encode(text + "\n"))),
  );
}

function queryOf({ flags }: Context): LogQuery {
  const moment = (name: string) => {
    const text = flags.text(name);
    return text === undefined ? null : parseMoment(name, text, new Date());
  };
  return {
    action: flags.text("action"),
    principal: flags.text("principal"),
    namespace: flags.text("namespace"),
    name: flags.text("name"),
    outcome: flags.text("outcome"),
    execution_id: flags.text("execution"),
    since: moment("since"),
    until: moment("until"),
  };
}

function pageOf(client: Client, query: LogQuery): Promise<Page> {
  return client.json<Page>("GET", AUDIT, { query });
}

async function* pagesOf(client: Client, query: LogQuery, size: number) {
  let cursor: string | null = null;
  do {
    const page: Page = await pageOf(client, { ...query, limit: String(size), cursor });
    yield page.records;
    cursor = page.next_cursor;
  } while (cursor !== null);
}

/** Prints records as they come, until the process is ended. */
async function follow(
  context: Context,
  client: Client,
  query: LogQuery,
  first: readonly AuditRecord[],
): Promise<never> {
  const seen = new Map<string, number>();
  const take = (records: readonly AuditRecord[]) => {
    for (const record of records) {
      const id = `${record.stream} ${record.first_revision}`;
      if (!seen.has(id)) context.io.out(lineOf(context, record));
      seen.set(id, Date.parse(record.at));
    }
  };
  take(first);
  while (true) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const newest = Math.max(...seen.values());
    const since = seen.size === 0 ? null : new Date(newest - LATE_MS).toISOString();
    for (const [id, at] of seen) if (at < newest - LATE_MS) seen.delete(id);
    const found: AuditRecord[] = [];
    for await (const page of pagesOf(client, { ...query, since }, PAGE)) found.push(...page);
    take(found.toReversed());
  }
}

function lineOf(context: Context, record: AuditRecord): string {
  return context.settings.format === "table" ? cellsOf(record).join("  ") : JSON.stringify(record);
}

function cellsOf(record: AuditRecord): string[] {
  const { namespace, name } = record;
  const what = [namespace, name].filter((part) => part !== null).join("/") || "-";
  return [
    formatTime(record.at),
    record.action,
    record.intact ? record.outcome : "ALTERED",
    record.principal ?? record.principal_kind,
    record.address ?? "-",
    what,
    record.version === null ? "-" : String(record.version),
    String(record.count),
  ].map(printable);
}

function warnOf({ io }: Context, records: readonly AuditRecord[]): void {
  const altered = records.filter(({ intact }) => !intact).length;
  if (altered > 0) io.note(`${altered} of these are not as they were written: audit verify`);
}
