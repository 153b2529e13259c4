/**
 * `health`: whether the server is reachable and ready, and the key accepted.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { CliError, toCliError } from "./failure.ts";
import { print } from "./output.ts";
import type { Context } from "./table.ts";

type KeyState = "accepted" | "refused" | "missing" | "unknown";

/** What was found; `failure` is the first thing that is wrong. */
interface Findings {
  readonly reachable: boolean;
  readonly ready: boolean;
  readonly key: KeyState;
  readonly failure: CliError | null;
}

/** Prints what was found, and ends as the first thing that is wrong demands. */
export async function checkHealth(context: Context): Promise<void> {
  const { failure, ...findings } = await examine(context);
  const server = context.settings.server;
  await print(context, { server, ...findings }, {
    columns: ["SERVER", "REACHABLE", "READY", "KEY"],
    rows: [[server, yesNo(findings.reachable), yesNo(findings.ready), findings.key]],
    empty: "",
  });
  if (failure !== null) throw failure;
}

function yesNo(on: boolean): string {
  return on ? "yes" : "no";
}

async function examine(context: Context): Promise<Findings> {
  let ready: boolean;
  try {
    const client = await context.connect({ anonymous: true });
    ready = (await statusOf(client, "/readyz")) === 200;
  } catch (error) {
    return { reachable: false, ready: false, key: "unknown", failure: toCliError(error) };
  }
  const { key, failure } = await examineKey(context);
  const unready = ready ? null : new CliError(1, "The server is not ready");
  return { reachable: true, ready, key, failure: failure ?? unready };
}

async function examineKey(context: Context): Promise<Pick<Findings, "key" | "failure">> {
  let client: Client;
  try {
    client = await context.connect();
  } catch (error) {
    return { key: "missing", failure: toCliError(error) };
  }
  const status = await statusOf(client, "/api/v1/secrets/stats");
  if (status === 401) {
    return { key: "refused", failure: new CliError(3, "The server does not accept this key") };
  }
  // A key without the right to list is still known to the server.
  return { key: status === 200 || status === 403 ? "accepted" : "unknown", failure: null };
}

async function statusOf(client: Client, path: string): Promise<number> {
  const response = await client.stream("GET", path);
  await response.body?.cancel();
  return response.status;
}
