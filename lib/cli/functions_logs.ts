/**
 * `functions logs`: the last calls of a function and what each printed.
 *
 * @module
 */
import { namespaceFlag, parseCodeName } from "./code_place.ts";
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import { printable } from "./job_info.ts";
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

interface CallInfo extends ExecutionInfo {
  readonly lines: readonly LineInfo[];
}

const MOST = 100;
const PAUSE_MS = 1_000;
/** Calls that are remembered as shown: more than one answer holds. */
const REMEMBERED = 10 * MOST;

/** Shows the last calls of a function, the oldest of them first, and with --follow the next ones. */
export async function functionLogs(context: Context): Promise<void> {
  const name = parseCodeName(context.args.NAME!);
  const tail = context.flags.text("tail") ?? "20";
  if (!/^[1-9]\d{0,2}$/.test(tail) || Number(tail) > MOST) {
    throw usageError(`--tail must be 1 to ${MOST}`);
  }
  const client = await context.connect();
  const find = async (limit: string, shown?: ReadonlySet<string>): Promise<CallInfo[]> => {
    const path = `/api/v1/functions/${name}/executions`;
    const query = { namespace: namespaceFlag(context), limit };
    const found = await client.json<ExecutionInfo[]>("GET", path, { query });
    const calls = found.reverse().filter(({ id }) => shown?.has(id) !== true);
    return await Promise.all(
      calls.map(async (call) => ({ ...call, lines: await linesOf(client, call.id) })),
    );
  };
  const calls = await find(tail);
  if (context.flags.on("follow")) return await follow(context, calls, find);
  if (context.settings.format !== "table") return await printData(context, calls);
  if (calls.length === 0) return context.io.tell("No calls found.");
  for (const call of calls) showCall(context, call);
}

async function follow(
  context: Context,
  first: readonly CallInfo[],
  find: (limit: string, shown: ReadonlySet<string>) => Promise<CallInfo[]>,
): Promise<never> {
  const shown = new Set<string>();
  let calls = first;
  while (true) {
    for (const call of calls) {
      if (context.settings.format === "table") showCall(context, call);
      else context.io.out(JSON.stringify(call));
      shown.add(call.id);
    }
    for (const id of shown) if (shown.size > REMEMBERED) shown.delete(id);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    calls = await find(String(MOST), shown);
  }
}

function showCall({ io }: Context, call: CallInfo): void {
  const { id, outcome, status, started_at, duration_ms } = call;
  const took = `${Math.round(duration_ms)} ms`;
  io.out(`${formatTime(started_at)}  ${id}  ${outcome}  ${status ?? "-"}  ${took}`);
  for (const { level, message } of call.lines) io.out(`  ${level}  ${printable(message)}`);
}

async function linesOf(client: Client, id: string): Promise<LineInfo[]> {
  const path = `/api/v1/admin/logs/executions/${id}`;
  const { entries } = await client.json<{ entries: LineInfo[] }>("GET", path);
  return entries.filter(({ fields }) => fields.source === "output");
}
