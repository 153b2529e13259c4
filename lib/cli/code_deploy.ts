/**
 * `functions deploy` and `jobs deploy`: sends a directory's sources.
 *
 * @module
 */
import type { CodeNoun } from "./code_commands.ts";
import { namespaceFlag, parseCodeName } from "./code_place.ts";
import { usageError } from "./failure.ts";
import { formatTable } from "./layout.ts";
import { printData } from "./output.ts";
import { readSources } from "./sources.ts";
import type { Context, Handler } from "./table.ts";

/** Building takes its time. */
const TIMEOUT_MS = 5 * 60_000;

interface Deployment {
  readonly dry_run: boolean;
  readonly details: Readonly<Record<"created" | "updated" | "unchanged" | "deleted", string[]>>;
}

/** Deploys the code of a noun. */
export function deployCode(noun: CodeNoun): Handler {
  return async function deploy(context) {
    const { flags, args, settings } = context;
    const prune = flags.on("prune");
    if (prune && flags.on("keep")) throw usageError("Give --prune or --keep, not both");
    if (prune && args.NAME !== undefined) throw usageError("--prune goes without NAME");
    const names = args.NAME === undefined ? undefined : [parseCodeName(args.NAME)];
    const body = {
      namespace: namespaceFlag(context),
      ...(names && { names }),
      files: await readSources(settings.resolvePath(flags.text("dir") ?? `${noun}s`)),
      options: { dry_run: flags.on("dry-run"), delete_missing: prune },
    };
    const client = await context.connect();
    const path = `/api/v1/admin/${noun}s/sync`;
    const result = await client.json<Deployment>("POST", path, {
      json: body,
      timeoutMs: TIMEOUT_MS,
    });
    if (settings.format !== "table") return await printData(context, result);
    show(context, result);
  };
}

function show(context: Context, { details, dry_run }: Deployment): void {
  const { created, updated, deleted, unchanged } = details;
  const rows = Object.entries({ created, updated, deleted, unchanged }).flatMap(([change, names]) =>
    names.map((name) => [change, name])
  );
  // What a deployment would change was asked for; what it has changed is told.
  const say = dry_run ? context.io.out : context.io.tell;
  if (rows.length > 0) say(formatTable(rows));
  const count = (names: readonly string[], what: string) => `${names.length} ${what}`;
  const summary = [
    count(created, "created"),
    count(updated, "updated"),
    count(deleted, "deleted"),
    count(unchanged, "unchanged"),
  ].join(", ");
  say(dry_run ? `Would be: ${summary}. Nothing was changed.` : `${summary}.`);
}
