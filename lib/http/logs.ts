/**
 * The log of all runs over HTTP.
 *
 * @module
 */
import { Hono } from "hono";
import { visibility } from "../principal/principal.ts";
import type { FoundLine, LogReader } from "../store/log_lines.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { executionLogRoutes, type LineReader } from "./execution_logs.ts";
import { lineJson } from "./log_json.ts";
import { asksForExecutions, formatLogCursor, parseLogFilter, parseLogPage } from "./log_query.ts";
import { mountMethods } from "./methods.ts";

/** Where lines come from. */
export interface LogRouteParts {
  readonly log: Pick<LogReader, "find" | "stats">;
  readonly lines: LineReader;
}

/** Serves `/api/v1/admin/logs`: lines, counts, and the lines of single executions. */
export function logRoutes(parts: LogRouteParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: (c) => list(c, parts) });
  mountMethods(app, "/stats", { GET: (c) => stats(c, parts) });
  app.route("/executions", executionLogRoutes(parts.lines));
  return app;
}

/** Everybody is answered with the lines of what their `logs:read` covers. */
async function list(c: AppContext, { log }: LogRouteParts): Promise<Response> {
  const [filter, page] = [parseLogFilter(c), parseLogPage(c)];
  const visible = asksForExecutions(c) ? visibility(c.get("principal"), "logs:read") : [];
  if (visible.length === 0) return c.json({ entries: [], total_count: 0, has_more: false });
  const { lines, more, total } = await log.find(visible, filter, page);
  const last = lines.at(-1);
  return c.json(
    { entries: lines.map(entryJson), total_count: total, has_more: more },
    200,
    more && last !== undefined ? nextPage(c, formatLogCursor(last)) : {},
  );
}

async function stats(c: AppContext, { log }: LogRouteParts): Promise<Response> {
  const filter = parseLogFilter(c);
  const visible = asksForExecutions(c) ? visibility(c.get("principal"), "logs:read") : [];
  const { total, byLevel, oldest, newest } = await log.stats(visible, filter);
  return c.json({
    total_entries: total,
    entries_by_category: { execution: total },
    entries_by_level: byLevel,
    oldest_entry: oldest,
    newest_entry: newest,
  });
}

function entryJson(line: FoundLine) {
  return {
    ...lineJson(line, line.execution_id, line.kind),
    component: line.name,
    request_id: line.request_id,
    user_id: line.principal,
  };
}

function nextPage(c: AppContext, cursor: string): Record<string, string> {
  const { pathname, searchParams } = new URL(c.req.url);
  searchParams.set("cursor", cursor);
  return { link: `<${pathname}?${searchParams}>; rel="next"`, "x-next-cursor": cursor };
}
