/**
 * The `functions` commands, as the table has them.
 *
 * @module
 */
import { codeCommands } from "./code_commands.ts";
import type { Command, Flag } from "./table.ts";
import { later } from "./later.ts";

const NAMESPACE: Flag = {
  name: "namespace",
  value: "NAME",
  help: "The function of this namespace",
};

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List the functions that the key may call, deployed ones and files",
  flags: [{ name: "namespace", value: "NAME", help: "Only the functions of this namespace" }],
  examples: ["functions list"],
  load: async () =>
    (await later<typeof import("./functions_list.ts")>("./functions_list.ts")).listFunctions,
};

const invoke: Command = {
  name: "invoke",
  summary: "Call a function and print its response as it comes",
  args: [{ name: "NAME" }],
  flags: [
    NAMESPACE,
    { name: "data", value: "JSON", help: "The request's body; - reads it from stdin" },
    { name: "file", value: "PATH", help: "A file that holds the request's body" },
    { name: "method", value: "METHOD", help: "The HTTP method (default POST)" },
  ],
  notes: [
    "The response's body goes to stdout unchanged. A status of 400 or more ends with exit code 1.",
  ],
  examples: [
    "functions invoke hello",
    `functions invoke hello --namespace production --data '{"name": "Ada"}'`,
    "functions invoke hello --method GET",
  ],
  load: async () =>
    (await later<typeof import("./functions_invoke.ts")>("./functions_invoke.ts")).invokeFunction,
};

const logs: Command = {
  name: "logs",
  summary: "Show the last calls of a function and what each printed",
  args: [{ name: "NAME" }],
  flags: [
    NAMESPACE,
    { name: "tail", value: "N", help: "How many calls (default 20)" },
    { name: "follow", short: "f", help: "Go on until it is stopped" },
  ],
  notes: ["What a call has read is shown by: logs list --function NAME --search FLUXBASE_SECRET"],
  examples: [
    "functions logs hello",
    "functions logs hello --tail 5 -o json",
    "functions logs hello --follow",
  ],
  load: async () =>
    (await later<typeof import("./functions_logs.ts")>("./functions_logs.ts")).functionLogs,
};

/** `functions` and everything under it. */
export const functions: Command = {
  name: "functions",
  aliases: ["function", "fn"],
  summary: "Deploy, list and call edge functions",
  commands: [list, invoke, logs, ...codeCommands("function")],
};
