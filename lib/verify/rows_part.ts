/**
 * The part of a table whose rows each carry all that is needed to check them.
 *
 * @module
 */
import type { RowSetStore } from "../store/row_sets.ts";
import type { Row, Sql } from "../store/sql.ts";
import type { Finding, VerifyPart } from "./part.ts";
import { problemsOf } from "./verify.ts";

/** A table and how its rows are checked. */
export interface RowsPart {
  readonly name: string;
  readonly sql: Sql;
  /** With its schema. */
  readonly table: string;
  /** What is read; the table is called `t`. */
  readonly select?: string;
  readonly join?: string;
  /** The largest column, by which pages are bounded. */
  readonly large?: string;
  /** The set that all rows are in, if they are. */
  readonly set?: RowSetStore;
  /**
   * Checks a row.
   *
   * @throws {AppError} With a message that names it, when it is not as it was written.
   */
  check(row: Row): void;
}

/** The most rows of a page, and the most bytes of the large column in it. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 4 * 1_024 * 1_024;
const START = "(0,0)";

/** Makes the part of a table. Rows are gone through in the order in which they lie. */
export function rowsPart(spec: RowsPart): VerifyPart {
  return {
    name: spec.name,
    tables: [spec.table],
    async *walk(): AsyncGenerator<Finding> {
      let after: string | null = START;
      while (after !== null) {
        const rows: (Row & { at: string })[] = await page(spec, after);
        for (const row of rows) yield* problemsOf(() => spec.check(row));
        yield { checked: rows.length };
        after = rows.at(-1)?.at ?? null;
      }
      await spec.set?.verify(spec.sql);
    },
  };
}

function page(spec: RowsPart, after: string): Promise<(Row & { at: string })[]> {
  const { sql, table, select = "t.*", join = "", large } = spec;
  const bytes = large === undefined ? "0" : `octet_length(t.${large})`;
  return sql.query(
    `with page as (select t.ctid as at, ${bytes} as bytes from ${table} t
       where t.ctid > $1::text::tid order by t.ctid limit ${PAGE_ROWS}),
     part as (select at, sum(bytes) over (order by at) - bytes as before from page)
     select t.ctid::text as at, ${select} from part join ${table} t on t.ctid = part.at ${join}
     where part.before < ${PAGE_BYTES} order by t.ctid`,
    [after],
  );
}
