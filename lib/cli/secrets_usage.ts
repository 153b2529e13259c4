/**
 * `secrets usage`: who has read a secret, and who may.
 *
 * @module
 */
import { printable } from "./layout.ts";
import { formatTime, print } from "./output.ts";
import { secretRef } from "./place.ts";
import type { Context } from "./table.ts";

interface Place {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | null;
}

interface UsageInfo {
  readonly used_by: readonly (Place & {
    readonly first_read: string;
    readonly last_read: string;
    readonly runs: number;
    readonly versions: readonly (number | null)[];
  })[];
  readonly hidden: number;
  readonly verdict: string;
  /** Left out by servers of before. */
  readonly may_read?: MayRead;
}

interface MayRead {
  readonly code: readonly (Place & {
    readonly source: string;
    readonly version: number | null;
    readonly by: string | null;
  })[];
  readonly unclear: readonly (Place & { readonly reason: string })[];
  readonly hidden: number;
  readonly withheld: string | null;
}

/** Why nobody gets it now. */
const WITHHELD: Readonly<Record<string, string>> = {
  absent: "there is no such secret",
  expired: "it has expired",
  environment: "the server's own environment has a value of this name, which wins",
};

/** Shows who has read a secret, and whether it can go; then who may read it. */
export async function showUsage(context: Context): Promise<void> {
  const ref = secretRef(context);
  const client = await context.connect();
  const path = `/api/v1/admin/secrets/${ref.name}/usage`;
  const query = { namespace: ref.namespace };
  const usage = await client.json<UsageInfo>("GET", path, { query });
  await print(context, usage, {
    columns: ["KIND", "NAME", "NAMESPACE", "FIRST READ", "LAST READ", "RUNS", "VERSIONS"],
    rows: usage.used_by.map((user) => [
      ...cellsOf(user),
      formatTime(user.first_read),
      formatTime(user.last_read),
      String(user.runs),
      user.versions.map((version) => version ?? "-").join(" "),
    ]),
    empty: "No function or job is known to have read it.",
  });
  if (context.settings.format !== "table") return;
  if (usage.hidden > 0) context.io.out(`${usage.hidden} more, whose logs this key may not read.`);
  context.io.out(`${ref.name}: ${usage.verdict}`);
  if (usage.may_read !== undefined) await showMayRead(context, usage.may_read);
}

async function showMayRead(context: Context, may: MayRead): Promise<void> {
  const { io } = context;
  io.out("\nMay read it, whether or not they have:");
  await print(context, may, {
    columns: ["KIND", "NAME", "NAMESPACE", "CODE", "ALLOWED BY"],
    rows: may.code.map((each) => [
      ...cellsOf(each),
      each.version === null ? each.source : `version ${each.version}`,
      each.by ?? "no list: all of its scope",
    ]),
    empty: "No function or job.",
  });
  for (const { kind, name, namespace, reason } of may.unclear) {
    const place = namespace === null ? name : `@${namespace}/${name}`;
    io.out(`It can't be told of ${kind} ${printable(place)}: ${printable(reason)}`);
  }
  if (may.hidden > 0) io.out(`${may.hidden} more, which this key may not see.`);
  if (may.withheld === null) return;
  io.out(`None of them is given it now: ${WITHHELD[may.withheld] ?? printable(may.withheld)}.`);
}

function cellsOf({ kind, name, namespace }: Place): string[] {
  return [kind, name, namespace ?? "-"];
}
