/**
 * Lays a table out as text.
 *
 * @module
 */

const GAP = "  ";
const INDENT = "  ";

/** How a table is laid out. */
export interface Layout {
  /** Above the rows; `null` for none. */
  readonly heading: readonly string[] | null;
  /** How wide it may be; `null` for as wide as it is. */
  readonly columns: number | null;
  /** Applied to each line of the heading. */
  readonly style: (text: string) => string;
}

/**
 * Lays out columns of equal width with two spaces between. Where a table is wider than it may be,
 * times lose their seconds, or if that isn't enough, every row is folded in the same places, and
 * what goes on below is indented. Nothing else is ever cut off: a name that isn't whole is none.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatTable } from "./layout.ts";
 *
 * const rows = [["API_KEY", "12", "for the mail"], ["B", "1", "-"]];
 * assertEquals(formatTable(rows), "API_KEY  12  for the mail\nB        1   -");
 * assertEquals(
 *   formatTable(rows, { columns: 14 }),
 *   "API_KEY  12\n  for the mail\nB        1\n  -",
 * );
 * ```
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  { heading = null, columns = null, style = (text) => text }: Partial<Layout> = {},
): string {
  const whole = (heading === null ? rows : [heading, ...rows]).map((row) => row.map(printable));
  const short = whole.map((row) => row.map(toTheMinute));
  const fits = (some: readonly (readonly string[])[]) =>
    columns === null || fullWidth(widthsOf(some)) <= columns;
  // Where it is folded in any case, there is room for the seconds.
  const cells = !fits(whole) && fits(short) ? short : whole;
  const widths = widthsOf(cells);
  const folds = foldsOf(widths, columns);
  const blocks = cells.map((row) => foldRow(row, { widths, folds, columns }));
  if (heading !== null) blocks[0] = blocks[0]!.map(style);
  return blocks.flat().join("\n");
}

function widthsOf(cells: readonly (readonly string[])[]): number[] {
  return cells[0]!.map((_, i) => Math.max(...cells.map((row) => width(row[i]!))));
}

function fullWidth(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + GAP.length + each, -GAP.length);
}

/** Seconds are the first thing that can be done without. */
function toTheMinute(cell: string): string {
  return cell.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\dZ(?=$| \()/, "$1Z");
}

/** The columns of each line of a row; a column that fits nowhere has a line to itself. */
function foldsOf(widths: readonly number[], columns: number | null): number[][] {
  if (columns === null) return [[...widths.keys()]];
  const folds: number[][] = [];
  let used = Infinity;
  for (const [i, each] of widths.entries()) {
    if (used + GAP.length + each > columns) {
      folds.push([]);
      used = folds.length === 1 ? each : INDENT.length + each;
    } else {
      used += GAP.length + each;
    }
    folds.at(-1)!.push(i);
  }
  return folds;
}

function foldRow(
  row: readonly string[],
  { widths, folds, columns }: {
    widths: readonly number[];
    folds: readonly (readonly number[])[];
    columns: number | null;
  },
): string[] {
  return folds.flatMap((fold, line) => {
    const indent = line === 0 ? "" : INDENT;
    const padded = fold.map((i) => row[i]! + " ".repeat(widths[i]! - width(row[i]!)));
    const text = padded.join(GAP).trimEnd();
    const alone = fold.length === 1 && columns !== null;
    const lines = alone ? wrap(text, columns - indent.length) : [text];
    return lines.map((each) => indent + each);
  });
}

/** Breaks text at its spaces into lines of a width; a longer word stays whole. */
export function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > most) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function width(text: string): number {
  return [...text].length;
}

/** Leaves out what could steer a terminal: a cell's text may come from anybody. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}/gu, "");
}
