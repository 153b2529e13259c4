/**
 * Prints data as a table, JSON or YAML.
 *
 * @module
 */
import { formatTable } from "./layout.ts";
import type { Context } from "./table.ts";

/** A table: the heading and the text of each cell. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said instead of an empty table. */
  readonly empty: string;
}

/** Prints `data` in JSON or YAML as it came, or as `table` where a table is wanted. */
export async function print(context: Context, data: unknown, table: Table): Promise<void> {
  if (context.settings.format !== "table") return await printData(context, data);
  if (table.rows.length > 0) {
    const heading = context.settings.headers ? table.columns : null;
    const { columns, bold: style } = context.io;
    context.io.out(formatTable(table.rows, { heading, columns, style }));
  } else if (context.settings.headers) {
    context.io.tell(table.empty);
  }
}

/** Prints `data` as YAML where that is wanted, else as JSON. */
export async function printData(context: Context, data: unknown): Promise<void> {
  if (context.settings.format !== "yaml") return context.io.out(JSON.stringify(data, null, 2));
  const { stringify } = await import("yaml");
  context.io.out(stringify(data).trimEnd());
}

/** A time on the wire (RFC 3339) to the second, in UTC; `-` when there is none. */
export function formatTime(time: string | null | undefined): string {
  if (time == null) return "-";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toISOString().replace(/\.\d+Z$/, "Z");
}
