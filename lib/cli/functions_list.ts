/**
 * `functions list`: the functions that the key may call.
 *
 * @module
 */
import { parseNamespace } from "../resolve/ref.ts";
import { formatTime, print } from "./output.ts";
import type { Context } from "./table.ts";

interface FunctionInfo {
  readonly name: string;
  readonly namespace: string | null;
  readonly source: "deployed" | "directory";
  readonly version: number | null;
  readonly updated_at: string | null;
  readonly tampered?: boolean;
}

/** Lists functions. */
export async function listFunctions(context: Context): Promise<void> {
  const typed = context.flags.text("namespace");
  const namespace = typed === undefined ? undefined : parseNamespace(typed);
  const client = await context.connect();
  const all = await client.json<FunctionInfo[]>("GET", "/api/v1/functions");
  const found = all.filter((each) => namespace === undefined || each.namespace === namespace);
  await print(context, found, {
    columns: ["NAME", "NAMESPACE", "SOURCE", "VERSION", "DEPLOYED"],
    rows: found.map((each) => [
      each.name,
      each.namespace ?? "-",
      each.source,
      each.tampered === true ? "tampered with" : String(each.version ?? "-"),
      formatTime(each.updated_at),
    ]),
    empty: "No functions found.",
  });
}
