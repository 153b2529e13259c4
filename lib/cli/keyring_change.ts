/**
 * `keyring rotate`, `rewrap`, `retire` and `verify`.
 *
 * @module
 */
import { CliError, usageError } from "./failure.ts";
import { printData } from "./output.ts";
import type { Context } from "./table.ts";

const PATH = "/api/v1/admin/keyring";
const PURPOSES = ["value", "row", "token", "digest"];
/** Counting reads the tables whole. */
const TIMEOUT_MS = 300_000;

/** Makes new keys. */
export async function rotateKeys(context: Context): Promise<void> {
  const purpose = context.flags.text("purpose");
  if (purpose !== undefined && !PURPOSES.includes(purpose)) {
    throw usageError(`--purpose must be one of: ${PURPOSES.join(", ")}`);
  }
  const json = purpose === undefined ? {} : { purposes: [purpose] };
  const made = await post<{ keys: Record<string, string> }>(context, "/rotate", json);
  await say(context, made, Object.entries(made.keys).map(([what, id]) => `New ${what} key: ${id}`));
}

/** Seals the ring under the first root key. */
export async function rewrapKeyRing(context: Context): Promise<void> {
  const json = { new_root: context.flags.on("new-root") };
  const done = await post<{ root_id: string; rewrapped: number }>(context, "/rewrap", json);
  await say(context, done, [`Keys sealed under root ${done.root_id}: ${done.rewrapped} anew`]);
}

/** Destroys a key. */
export async function retireKey(context: Context): Promise<void> {
  const id = encodeURIComponent(context.args.ID!);
  const done = await post<{ id: string }>(context, `/keys/${id}/retire`, {});
  await say(context, done, [`Key ${done.id} is destroyed`]);
}

interface Report {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly keys: number;
  readonly active_root: string;
  readonly other_roots: readonly string[];
  readonly old_root_forgotten: boolean;
}

/** Verifies the ring, and fails when something is wrong. */
export async function verifyKeyRing(context: Context): Promise<void> {
  const json = { forget_old_root: context.flags.on("forget-old-root") };
  const report = await post<Report>(context, "/verify", json);
  const others = report.other_roots;
  await say(context, report, [
    ...report.problems,
    ...(report.ok ? [`All ${report.keys} keys open; root ${report.active_root} is active`] : []),
    ...(others.length > 0 ? [`Some are still under root ${others.join(", ")}: rewrap`] : []),
    ...(report.old_root_forgotten ? ["root.key.old is removed"] : []),
  ]);
  if (!report.ok) throw new CliError(1, "The key ring is not well");
}

async function post<T>(context: Context, path: string, json: unknown): Promise<T> {
  const client = await context.connect();
  return await client.json<T>("POST", PATH + path, { json, timeoutMs: TIMEOUT_MS });
}

async function say(context: Context, data: unknown, lines: readonly string[]): Promise<void> {
  if (context.settings.format !== "table") return await printData(context, data);
  for (const line of lines) context.io.tell(line);
}
