/**
 * `health`: whether the server is reachable and ready, and the key accepted.
 *
 * @module
 */
import { CliError } from "./failure.ts";
import { print } from "./output.ts";
import type { Client } from "./client.ts";
import type { Context } from "./table.ts";

/** Checks in turn and stops at the first thing that is wrong. */
export async function checkHealth(context: Context): Promise<void> {
  const client = await context.connect();
  const ready = await isReady(client);
  const key = await keyState(client);
  const report = { server: client.server, reachable: true, ready, key };
  await print(context, report, {
    columns: ["SERVER", "REACHABLE", "READY", "KEY"],
    rows: [[client.server, "yes", ready ? "yes" : "no", key]],
    empty: "",
  });
  if (key === "refused") throw new CliError(3, "The server does not accept this key");
  if (!ready) throw new CliError(1, "The server is not ready");
}

async function isReady(client: Client): Promise<boolean> {
  const response = await client.stream("GET", "/readyz");
  await response.body?.cancel();
  return response.ok;
}

/** A key without the right to list is still known to the server. */
async function keyState(client: Client): Promise<"accepted" | "refused" | "unknown"> {
  const response = await client.stream("GET", "/api/v1/secrets/stats");
  await response.body?.cancel();
  if (response.status === 401) return "refused";
  return response.ok || response.status === 403 ? "accepted" : "unknown";
}
