/**
 * `rollback` and `delete` of deployed code.
 *
 * @module
 */
import type { CodeNoun } from "./code_commands.ts";
import { capital, codeLocation } from "./code_place.ts";
import { withHint } from "./failure.ts";
import { printData } from "./output.ts";
import { parseVersion } from "./place.ts";
import type { Handler } from "./table.ts";

/** Makes an earlier version the newest one. */
export function rollbackCode(noun: CodeNoun): Handler {
  return async function rollback(context) {
    const { name, path, query } = codeLocation(context, noun);
    const version = parseVersion(context.args.VERSION!, "VERSION");
    const client = await context.connect();
    const now = await client
      .json<{ version: number }>("POST", `${path}/rollback`, { query, json: { version } })
      .catch((error) => {
        const hint = `See the versions with: ${noun}s versions ${name}`;
        throw withHint(error, "VERSION_NOT_FOUND", hint);
      });
    if (context.settings.format !== "table") return await printData(context, now);
    context.io.tell(`${capital(noun)} '${name}' rolled back to version ${version}.`);
    context.io.tell(`Its code is now version ${now.version}.`);
  };
}

/** Deletes what is deployed; asks nothing. */
export function deleteCode(noun: CodeNoun): Handler {
  return async function remove(context) {
    const { name, path, query } = codeLocation(context, noun);
    const client = await context.connect();
    const answer = await client.json("DELETE", path, { query });
    if (context.settings.format !== "table") return await printData(context, answer);
    context.io.tell(`${capital(noun)} '${name}' deleted.`);
  };
}
