/**
 * What `verify` does.
 *
 * @module
 */
import { compareAnchor, type HeadState, readAnchor, writeAnchor } from "./anchor.ts";
import { failureOf } from "./answer.ts";
import { linesOf } from "./lines.ts";
import { CliError, exitCodeOf, usageError } from "./failure.ts";
import { print, printData } from "./output.ts";
import type { Context } from "./table.ts";

const PATH = "/api/v1/admin/verify";
/** Accepting reads a whole place. */
const ACCEPT_MS = 300_000;

/** A line of the server's report. */
type Line =
  | ({ readonly type: "head" } & HeadState)
  | { readonly type: "problem"; readonly part: string; readonly problem: string }
  | PartLine
  | { readonly type: "end"; readonly checked: number; readonly problems: number }
  | { readonly type: "error"; readonly code: string; readonly error: string };

interface PartLine {
  readonly type: "part";
  readonly part: string;
  readonly checked: number;
  readonly problems: number;
}

/** Verifies what is stored, or accepts it. */
export async function verifyStored(context: Context): Promise<void> {
  const place = context.flags.text("accept");
  const file = context.flags.text("anchor");
  const anchor = file === undefined ? undefined : context.settings.resolvePath(file);
  const discard = context.flags.on("discard-damaged");
  if (place !== undefined && anchor !== undefined) {
    throw usageError("--accept and --anchor are two different things to do");
  }
  if (discard && place === undefined) throw usageError("--discard-damaged goes with --accept");
  if (place !== undefined) return await accept(context, place, discard);
  await verify(context, anchor);
}

async function verify(context: Context, anchor: string | undefined): Promise<void> {
  const noted = anchor === undefined ? null : await readAnchor(anchor);
  const { parts, problems, heads } = await readReport(context);
  if (noted !== null) {
    const older = compareAnchor(noted, heads).map((problem) => ({ part: "anchor", problem }));
    for (const { problem } of older) context.io.note(`anchor: ${problem}`);
    problems.push(...older);
  }
  await print(context, { parts, problems }, {
    columns: ["PART", "CHECKED", "PROBLEMS"],
    rows: parts.map(({ part, checked, problems }) => [part, String(checked), String(problems)]),
    empty: "Nothing to verify.",
  });
  if (problems.length > 0) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    throw new CliError(1, `${count}: what is stored is not as it was written`, {
      hint: "Look at what changed it; then set the secret again, or see: verify --help",
    });
  }
  if (anchor !== undefined) await writeAnchor(anchor, heads);
  if (context.settings.format === "table") context.io.tell(verdict(noted !== null, anchor));
}

function verdict(compared: boolean, anchor: string | undefined): string {
  const whole = "Everything is as it was written";
  if (anchor === undefined) return `${whole}.`;
  return compared
    ? `${whole}, and nothing is older than the anchor, which is noted anew.`
    : `${whole}. The anchor is made: keep it on another machine.`;
}

interface Report {
  readonly parts: PartLine[];
  readonly problems: { readonly part: string; readonly problem: string }[];
  readonly heads: HeadState[];
}

/** Problems are told as they come. A report without its end is none. */
async function readReport(context: Context): Promise<Report> {
  const client = await context.connect();
  const response = await client.stream("GET", PATH);
  if (!response.ok || response.body === null) {
    throw failureOf(response.status, await response.text());
  }
  const report: Report = { parts: [], problems: [], heads: [] };
  for await (const text of linesOf(response.body)) {
    const line = JSON.parse(text) as Line;
    if (line.type === "end") return report;
    if (line.type === "error") throw new CliError(exitCodeOf(500, line.code), line.error);
    if (line.type === "part") report.parts.push(line);
    if (line.type === "head") report.heads.push(headOf(line));
    if (line.type === "problem") {
      report.problems.push({ part: line.part, problem: line.problem });
      context.io.note(`${line.part}: ${line.problem}`);
    }
  }
  throw new CliError(1, "The connection broke before everything was verified");
}

function headOf({ head, revision, mac }: HeadState): HeadState {
  return { head, revision, mac };
}

async function accept(context: Context, place: string, discard: boolean): Promise<void> {
  const client = await context.connect();
  const done = await client.json<{ accepted: number; discarded: number }>(
    "POST",
    `${PATH}/accept`,
    { json: { place, discard }, timeoutMs: ACCEPT_MS },
  );
  if (context.settings.format !== "table") return await printData(context, done);
  context.io.tell(`Accepted ${done.accepted} rows of ${place}; discarded ${done.discarded}.`);
}
