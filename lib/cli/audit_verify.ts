/**
 * `audit verify`: whether the record is whole, and from where on.
 *
 * @module
 */
import { CliError } from "./failure.ts";
import { printable } from "./layout.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

/** Verifying reads every record. */
const TIMEOUT_MS = 600_000;

interface Report {
  readonly checked: number;
  readonly problems: readonly string[];
  /** Left out by servers of before. */
  readonly streams?: readonly StreamStart[];
}

interface StreamStart {
  /** Null for the global scope. */
  readonly stream: string | null;
  readonly revision: number;
  readonly at: string | null;
}

/** Says what is wrong with the audit, and where its streams begin. */
export async function verifyAudit(context: Context): Promise<void> {
  const client = await context.connect();
  const report = await client.json<Report>("GET", "/api/v1/admin/audit/verify", {
    timeoutMs: TIMEOUT_MS,
  });
  const { checked, problems, streams = [] } = report;
  if (context.settings.format !== "table") await printData(context, report);
  else {
    if (problems.length === 0) context.io.tell(`All ${checked} records are there, as written.`);
    await showStarts(context, streams);
  }
  if (problems.length === 0) return;
  for (const problem of problems) context.io.note(printable(problem));
  throw new CliError(
    1,
    `${problems.length} ${problems.length === 1 ? "problem" : "problems"} in the audit`,
  );
}

/** Those that begin at their beginning are counted. */
async function showStarts(context: Context, streams: readonly StreamStart[]): Promise<void> {
  const later = streams.filter(({ revision }) => revision > 1);
  const rest = streams.length - later.length;
  if (later.length === 0) {
    if (rest > 0) context.io.out("Every stream begins at its first revision.");
    return;
  }
  context.io.out("Records are kept from later than the first revision on in:");
  await print(context, streams, {
    columns: ["STREAM", "FROM REVISION", "SINCE"],
    rows: later.map(({ stream, revision, at }) => [
      stream ?? "@global",
      String(revision),
      formatTime(at),
    ]),
    empty: "",
  });
  if (rest > 0) context.io.out(`${rest} more ${rest === 1 ? "begins" : "begin"} at the first.`);
}
