/**
 * Measures as one table, in Markdown.
 *
 * @module
 */
import { isMet, type Measure } from "./measure.ts";

const HEAD = ["bench", "figure", "ours", "beside", "theirs", "ratio", "target", "met"];
/** Columns of numbers, which are aligned at their end. */
const NUMBERS = new Set([2, 4, 5, 6]);

/** A bench's title and what it found. */
export interface Section {
  readonly title: string;
  readonly measures: readonly Measure[];
}

/** Formats all sections as one table. */
export function formatTable(sections: readonly Section[]): string {
  const rows = [
    HEAD,
    ...sections.flatMap(({ title, measures }) =>
      measures.map((measure, index) => [index === 0 ? title : "", ...cells(measure)])
    ),
  ];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    `| ${row.map((cell, at) => pad(cell, at, widths[at]!)).join(" | ")} |`
  );
  const rule = widths.map((width, at) =>
    NUMBERS.has(at) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)
  );
  return [lines[0], `| ${rule.join(" | ")} |`, ...lines.slice(1)].join("\n");
}

function cells(measure: Measure): string[] {
  const { what, unit, ours, peer, theirs, ratio, target } = measure;
  return [
    what,
    withUnit(ours, unit),
    peer ?? "",
    theirs === null ? "" : withUnit(theirs, unit),
    ratio === null ? "" : withUnit(ratio, ""),
    target === null ? "" : `${target.sense === "at most" ? "≤" : "≥"} ${target.limit}`,
    { true: "yes", false: "NO", null: "" }[`${isMet(measure)}`],
  ];
}

function pad(cell: string, column: number, width: number): string {
  return NUMBERS.has(column) ? cell.padStart(width) : cell.padEnd(width);
}

/** Three digits that count, and no exponent. */
function withUnit(figure: number, unit: string): string {
  const decimals = figure === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(figure))));
  const text = figure.toFixed(Number.isInteger(figure) ? 0 : decimals);
  return unit === "" ? text : `${text} ${unit}`;
}
