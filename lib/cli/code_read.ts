/**
 * `get` and `versions` of deployed code.
 *
 * @module
 */
import type { CodeNoun } from "./code_commands.ts";
import { codeLocation } from "./code_place.ts";
import { CliError } from "./failure.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Handler } from "./table.ts";

interface VersionInfo {
  readonly version: number;
  readonly hash: string;
  readonly restored_version: number | null;
  readonly created_at: string;
  readonly created_by: string | null;
}

/** Shows a function or job. */
export function showCode(noun: CodeNoun): Handler {
  return async function show(context) {
    const { path, query } = codeLocation(context, noun);
    const wantsCode = context.flags.on("code");
    const client = await context.connect();
    const found = await client.json<{ code?: string }>("GET", path, {
      query: { ...query, code: wantsCode ? "true" : null },
    });
    if (!wantsCode) return await printData(context, found);
    if (found.code === undefined) throw new CliError(4, `The ${noun} is a file, not deployed`);
    context.io.out(found.code.trimEnd());
  };
}

/** Lists the versions of deployed code. */
export function listCodeVersions(noun: CodeNoun): Handler {
  return async function list(context) {
    const { path, query } = codeLocation(context, noun);
    const client = await context.connect();
    const versions = await client.json<VersionInfo[]>("GET", `${path}/versions`, { query });
    await print(context, versions, {
      columns: ["VERSION", "CODE", "RESTORED", "DEPLOYED AT", "BY"],
      rows: versions.map((each) => [
        String(each.version),
        each.hash.slice(0, 12),
        each.restored_version === null ? "-" : String(each.restored_version),
        formatTime(each.created_at),
        each.created_by ?? "-",
      ]),
      empty: "No versions found.",
    });
  };
}
