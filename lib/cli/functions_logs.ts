/**
 * `functions logs`: the last calls of a function and what each printed.
 *
 * @module
 */
import { namespaceFlag, parseCodeName } from "./code_place.ts";
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import { formatTime, printData } from "./output.ts";
import type { Context } from "./table.ts";

interface ExecutionInfo {
  readonly id: string;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly outcome: string;
  readonly status: number | null;
}

interface LineInfo {
  readonly timestamp: string;
  readonly level: string;
  readonly message: string;
  readonly fields: { readonly source: string };
}

const MOST = 100;

/** Shows the last calls of a function, the oldest of them first. */
export async function functionLogs(context: Context): Promise<void> {
  const name = parseCodeName(context.args.NAME!);
  const tail = context.flags.text("tail") ?? "20";
  if (!/^[1-9]\d{0,2}$/.test(tail) || Number(tail) > MOST) {
    throw usageError(`--tail must be 1 to ${MOST}`);
  }
  const client = await context.connect();
  const found = await client.json<ExecutionInfo[]>("GET", `/api/v1/functions/${name}/executions`, {
    query: { namespace: namespaceFlag(context), limit: tail },
  });
  const calls = await Promise.all(
    found.reverse().map(async (call) => ({ ...call, lines: await linesOf(client, call.id) })),
  );
  if (context.settings.format !== "table") return await printData(context, calls);
  if (calls.length === 0) return context.io.out("No calls found.");
  for (const call of calls) {
    const { id, outcome, status, started_at, duration_ms } = call;
    const took = `${Math.round(duration_ms)} ms`;
    context.io.out(`${formatTime(started_at)}  ${id}  ${outcome}  ${status ?? "-"}  ${took}`);
    for (const { level, message } of call.lines) {
      context.io.out(`  ${level}  ${printable(message)}`);
    }
  }
}

async function linesOf(client: Client, id: string): Promise<LineInfo[]> {
  const path = `/api/v1/admin/logs/executions/${id}`;
  const { entries } = await client.json<{ entries: LineInfo[] }>("GET", path);
  return entries.filter(({ fields }) => fields.source === "output");
}

/** Leaves out what could steer a terminal: a function prints what it likes. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t]|\p{Cf}/gu, "");
}
