/**
 * The log of all runs: what they printed and what they read, searched and counted.
 *
 * @module
 */
import type { Visibility } from "../principal/principal.ts";
import type { Row, Sql } from "./sql.ts";
import { Where } from "./visible.ts";

/** Which lines are asked for; what is left out doesn't matter. */
export interface LogFilter {
  readonly level?: string;
  /** The function's or job's name. */
  readonly name?: string;
  /** Null: only what has no namespace. */
  readonly namespace?: string | null;
  readonly executionId?: string;
  readonly requestId?: string;
  /** Who called. */
  readonly principal?: string;
  /** Text that the line holds, in upper or lower case. */
  readonly search?: string;
  /** From this moment on. */
  readonly since?: Date;
  /** Up to this moment, without it. */
  readonly until?: Date;
}

/** Which part of the lines. */
export interface LogPage {
  /** Oldest first; newest first otherwise. */
  readonly ascending: boolean;
  /** The last line of the page before. */
  readonly after?: { readonly at: Date; readonly id: number };
  /** Most lines. */
  readonly limit: number;
}

/** A line, with the run that it belongs to. */
export interface FoundLine extends Row {
  readonly id: number;
  readonly execution_id: string | null;
  readonly name: string;
  readonly namespace: string | null;
  readonly logged_at: Date;
  readonly level: string;
  readonly message: string;
  /** `output` for what the code printed, `reads` for the note of what it read. */
  readonly source: string;
  /** These are null when the run's record isn't kept, or it goes on. */
  readonly kind: string | null;
  readonly request_id: string | null;
  readonly principal: string | null;
}

/** Lines found. */
export interface FoundLines {
  readonly lines: readonly FoundLine[];
  readonly more: boolean;
  /** How many there are in all, at most {@linkcode MOST_COUNTED}. */
  readonly total: number;
}

/** How many lines there are. */
export interface LogStats {
  readonly total: number;
  readonly byLevel: Readonly<Record<string, number>>;
  readonly oldest: Date | null;
  readonly newest: Date | null;
}

/** Lines are counted up to here: beyond, it only matters that there are many. */
export const MOST_COUNTED = 10_000;

/** Reads the log. */
export class LogReader {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Finds lines of runs that may be seen. */
  async find(
    visible: readonly Visibility[],
    filter: LogFilter,
    page: LogPage,
  ): Promise<FoundLines> {
    const where = conditions(visible, filter);
    if (page.after !== undefined) {
      const { at, id } = page.after;
      const place = `(${where.bind(at)}::timestamptz, ${where.bind(id)}::bigint)`;
      where.and(`(l.logged_at, l.id) ${page.ascending ? ">" : "<"} ${place}`);
    }
    const order = page.ascending ? "asc" : "desc";
    const lines = await this.#sql.query<FoundLine>(
      `select l.id, l.execution_id, l.name, l.namespace, l.logged_at, l.level, l.message, l.source,
         e.kind, e.request_id, e.principal
       from ${TABLES} where ${where}
       order by l.logged_at ${order}, l.id ${order} limit ${where.bind(page.limit + 1)}::int`,
      where.values,
    );
    const more = lines.length > page.limit;
    if (more) lines.pop();
    const whole = !more && page.after === undefined;
    return { lines, more, total: whole ? lines.length : await this.#count(visible, filter) };
  }

  /** Counts the lines of runs that may be seen. */
  async stats(visible: readonly Visibility[], filter: LogFilter): Promise<LogStats> {
    const where = conditions(visible, filter);
    const rows = await this.#sql.query<
      { level: string; lines: number; oldest: Date; newest: Date }
    >(
      `select l.level, count(*) as lines, min(l.logged_at) as oldest, max(l.logged_at) as newest
       from ${TABLES} where ${where} group by l.level order by l.level`,
      where.values,
    );
    const times = (pick: "oldest" | "newest") => rows.map((row) => row[pick].getTime());
    return {
      total: rows.reduce((sum, { lines }) => sum + lines, 0),
      byLevel: Object.fromEntries(rows.map(({ level, lines }) => [level, lines])),
      oldest: rows.length === 0 ? null : new Date(Math.min(...times("oldest"))),
      newest: rows.length === 0 ? null : new Date(Math.max(...times("newest"))),
    };
  }

  async #count(visible: readonly Visibility[], filter: LogFilter): Promise<number> {
    const where = conditions(visible, filter);
    const [row] = await this.#sql.query<{ total: number }>(
      `select count(*) as total
       from (select 1 from ${TABLES} where ${where} limit ${MOST_COUNTED}) as found`,
      where.values,
    );
    return row!.total;
  }
}

const TABLES =
  "functions.execution_logs l left join functions.executions e on e.id = l.execution_id";

function conditions(visible: readonly Visibility[], filter: LogFilter): Where {
  const where = new Where();
  where.andVisible("l", visible);
  const equal = (column: string, value: string | undefined, type = "text") => {
    if (value !== undefined) where.and(`${column} = ${where.bind(value)}::${type}`);
  };
  equal("l.level", filter.level);
  equal("l.name", filter.name);
  if (filter.namespace === null) where.and("l.namespace is null");
  else equal("l.namespace", filter.namespace);
  equal("l.execution_id", filter.executionId, "uuid");
  equal("e.request_id", filter.requestId);
  equal("e.principal", filter.principal);
  if (filter.search !== undefined) {
    where.and(`l.message ilike ${where.bind(`%${literally(filter.search)}%`)}`);
  }
  if (filter.since !== undefined) where.and(`l.logged_at >= ${where.bind(filter.since)}`);
  if (filter.until !== undefined) where.and(`l.logged_at < ${where.bind(filter.until)}`);
  return where;
}

/** A pattern that matches this text and nothing else. */
function literally(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}
