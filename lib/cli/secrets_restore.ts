/**
 * `secrets restore`.
 *
 * @module
 */
import { parseNamespace } from "../resolve/ref.ts";
import { usageError } from "./failure.ts";
import { parseMoment } from "./moment.ts";
import { print, printData } from "./output.ts";
import { type SecretInfo, secretPath, secretRef } from "./place.ts";
import type { Context } from "./table.ts";

const PATH = "/api/v1/secrets/restore";
/** Reads and writes a whole place. */
const TIMEOUT_MS = 300_000;

/** What was, or would be, done with a secret. */
interface RestoredInfo {
  readonly name: string;
  readonly action: "delete" | "restore" | "rollback" | "unchanged";
  readonly version: number;
  readonly from_version?: number;
}

/** Restores one secret, or a place as it was. */
export async function restoreSecrets(context: Context): Promise<void> {
  const { args, flags } = context;
  const at = flags.text("at");
  if (at !== undefined) {
    if (args.NAME !== undefined) throw usageError("--at restores everything: leave out NAME");
    if (flags.on("as-version")) throw usageError("--as-version goes with a NAME");
    return await restoreAt(context, parseMoment("at", at, new Date()));
  }
  if (args.NAME === undefined) {
    throw usageError("NAME is missing", "Usage: fluxbase secrets restore NAME, or with --at TIME");
  }
  for (const flag of ["global", "dry-run"]) {
    if (flags.on(flag)) throw usageError(`--${flag} goes with --at`);
  }
  await restoreOne(context);
}

async function restoreOne(context: Context): Promise<void> {
  const ref = secretRef(context);
  const client = await context.connect();
  const restored = await client.json<SecretInfo>("POST", `${secretPath(ref)}/restore`, {
    query: { namespace: ref.namespace },
    json: { as_version: context.flags.on("as-version") },
  });
  if (context.settings.format !== "table") return await printData(context, restored);
  context.io.tell(`Secret '${ref.name}' restored; version ${restored.version} is served.`);
}

async function restoreAt(context: Context, at: string): Promise<void> {
  const { flags } = context;
  const namespace = flags.text("namespace");
  if ((namespace === undefined) === !flags.on("global")) {
    throw usageError("--at needs either --namespace NAME or --global");
  }
  const dryRun = flags.on("dry-run");
  const place = namespace === undefined
    ? { scope: "global" }
    : { namespace: parseNamespace(namespace) };
  const client = await context.connect();
  const done = await client.json<{ secrets: RestoredInfo[] }>("POST", PATH, {
    json: { ...place, at, dry_run: dryRun },
    timeoutMs: TIMEOUT_MS,
  });
  await print(context, done, {
    columns: ["NAME", dryRun ? "WOULD" : "DONE", "VERSION", "VALUE OF"],
    rows: done.secrets.map(({ name, action, version, from_version: from }) => [
      name,
      action,
      String(version),
      from === undefined ? "-" : `version ${from}`,
    ]),
    empty: "There was nothing then, and there is nothing now.",
  });
}
