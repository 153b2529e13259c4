/**
 * `jobs logs`: what a job printed, and what it goes on to print.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { findJob, hasEnded, jobPath, printable } from "./job_info.ts";
import { formatTime, printData } from "./output.ts";
import type { Context } from "./table.ts";

interface LineInfo {
  readonly id: number;
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly attempt: number;
}

const PAGE = 1_000;
const PAUSE_MS = 500;
/** Lines are stored a moment after they are printed, so the last ones may come after the end. */
const LAST_LOOKS = 2;

/** Shows what a job printed. */
export async function jobLogs(context: Context): Promise<void> {
  const client = await context.connect();
  const id = context.args.ID!;
  const path = `${jobPath(id)}/logs`;
  if (!context.flags.on("follow")) {
    const lines = await allAfter(client, path, 0);
    if (context.settings.format !== "table") return await printData(context, lines);
    if (lines.length === 0) return context.io.note("The job has printed nothing.");
    return lines.forEach((line) => context.io.out(lineText(line)));
  }
  let last = 0;
  for (let looks = 0; looks < LAST_LOOKS;) {
    if (hasEnded(await findJob(client, id))) looks++;
    for (const line of await allAfter(client, path, last)) {
      context.io.out(context.settings.format === "json" ? JSON.stringify(line) : lineText(line));
      last = line.id;
    }
    if (looks < LAST_LOOKS) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function allAfter(client: Client, path: string, after: number): Promise<LineInfo[]> {
  const all: LineInfo[] = [];
  while (true) {
    const query = { after_line: String(all.at(-1)?.id ?? after), limit: String(PAGE) };
    const { entries } = await client.json<{ entries: LineInfo[] }>("GET", path, { query });
    all.push(...entries);
    if (entries.length < PAGE) return all;
  }
}

function lineText({ timestamp, level, message, attempt }: LineInfo): string {
  const which = attempt > 1 ? `  attempt ${attempt}` : "";
  return `${formatTime(timestamp)}  ${level.padEnd(5)}${which}  ${printable(message)}`;
}
