/**
 * Prints data as a table, JSON or YAML.
 *
 * @module
 */
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
    context.io.out(formatTable(table.rows, heading, context.io.bold));
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

/**
 * Lays out columns of equal width with two spaces between; nothing is cut off.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatTable } from "./output.ts";
 *
 * assertEquals(formatTable([["A", "1"], ["LONG", "2"]], ["NAME", "V"]), "NAME  V\nA     1\nLONG  2");
 * ```
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  heading: readonly string[] | null,
  style: (text: string) => string = (text) => text,
): string {
  const cells = (heading === null ? rows : [heading, ...rows]).map((row) => row.map(printable));
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => width(row[i]!))));
  const lines = cells.map((row) =>
    row.map((cell, i) => cell + " ".repeat(widths[i]! - width(cell))).join("  ").trimEnd()
  );
  if (heading !== null) lines[0] = style(lines[0]!);
  return lines.join("\n");
}

function width(text: string): number {
  return [...text].length;
}

/** Leaves out what could steer a terminal: a cell's text may come from anybody. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}/gu, "");
}

/** A time on the wire (RFC 3339) to the second, in UTC; `-` when there is none. */
export function formatTime(time: string | null | undefined): string {
  if (time == null) return "-";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toISOString().replace(/\.\d+Z$/, "Z");
}
