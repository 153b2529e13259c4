/**
 * `secrets usage`: who reads a secret.
 *
 * @module
 */
import { formatTime, print } from "./output.ts";
import { secretRef } from "./place.ts";
import type { Context } from "./table.ts";

interface UsageInfo {
  readonly used_by: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace: string | null;
    readonly first_read: string;
    readonly last_read: string;
    readonly runs: number;
    readonly versions: readonly (number | null)[];
  }[];
  readonly hidden: number;
  readonly verdict: string;
}

/** Shows who has read a secret, and whether it can go. */
export async function showUsage(context: Context): Promise<void> {
  const ref = secretRef(context);
  const client = await context.connect();
  const path = `/api/v1/admin/secrets/${ref.name}/usage`;
  const query = { namespace: ref.namespace };
  const usage = await client.json<UsageInfo>("GET", path, { query });
  await print(context, usage, {
    columns: ["KIND", "NAME", "NAMESPACE", "FIRST READ", "LAST READ", "RUNS", "VERSIONS"],
    rows: usage.used_by.map((user) => [
      user.kind,
      user.name,
      user.namespace ?? "-",
      formatTime(user.first_read),
      formatTime(user.last_read),
      String(user.runs),
      user.versions.map((version) => version ?? "-").join(" "),
    ]),
    empty: "No function or job is known to read it.",
  });
  if (context.settings.format !== "table") return;
  if (usage.hidden > 0) context.io.out(`${usage.hidden} more, whose logs this key may not read.`);
  context.io.out(`${ref.name}: ${usage.verdict}`);
}
