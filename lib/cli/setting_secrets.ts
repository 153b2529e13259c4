/**
 * The `settings secrets` commands, as the table has them.
 *
 * @module
 */
import type { Command, Flag } from "./table.ts";
import { later } from "./later.ts";

const KEY = { name: "KEY" };
const WHOSE: readonly Flag[] = [
  { name: "user", help: "The settings of the user whose token is used; left out, the system's" },
  {
    name: "user-id",
    value: "ID",
    help: "The settings of this user; the key must have settings:user",
  },
];

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List settings secrets; values are never shown",
  flags: WHOSE,
  examples: ["settings secrets list", "settings secrets list --user"],
  load: async () =>
    (await later<typeof import("./setting_secrets_read.ts")>("./setting_secrets_read.ts"))
      .listSettings,
};

const set: Command = {
  name: "set",
  summary: "Create a settings secret, or replace its value",
  args: [KEY, { name: "VALUE", optional: true, secret: true }],
  flags: [
    ...WHOSE,
    { name: "description", value: "TEXT", help: "What it is for" },
    { name: "from-file", value: "PATH", help: "Read the value from a file, every byte of it" },
  ],
  notes: [
    "VALUE is - to read it from stdin (one newline at the end is dropped), or is left out to be asked " +
    "for it at the terminal, hidden. Typed as an argument it can be seen in the shell's history and " +
    "in the list of processes. The earlier value is gone: settings have no history.",
  ],
  examples: [
    'settings secrets set openai_api_key "sk-..."',
    'settings secrets set ai.openai.key "sk-..." --user --description "My own key"',
    "pass show openai | fluxbase settings secrets set openai_api_key -",
  ],
  load: async () =>
    (await later<typeof import("./setting_secrets_set.ts")>("./setting_secrets_set.ts"))
      .setSetting,
};

const get: Command = {
  name: "get",
  summary: "Show a settings secret's metadata; the value is never returned",
  args: [KEY],
  flags: WHOSE,
  examples: ["settings secrets get openai_api_key", "settings secrets get ai.openai.key --user"],
  load: async () =>
    (await later<typeof import("./setting_secrets_read.ts")>("./setting_secrets_read.ts"))
      .getSetting,
};

const remove: Command = {
  name: "delete",
  aliases: ["rm", "remove"],
  summary: "Delete a settings secret for good, without asking",
  args: [KEY],
  flags: WHOSE,
  examples: ["settings secrets delete openai_api_key"],
  load: async () =>
    (await later<typeof import("./setting_secrets_change.ts")>("./setting_secrets_change.ts"))
      .deleteSetting,
};

const secrets: Command = {
  name: "secrets",
  aliases: ["secret"],
  summary: "Set and list secrets of the application and of its users",
  // Named here, too, so that the name of the group with the flag shows what there is.
  flags: WHOSE,
  notes: [
    "Functions and jobs read them with secrets.get(): the calling user's setting, else the system's. " +
    "One key has one value, without a history. For secrets of functions by namespace, with versions " +
    "and expiry, see: fluxbase secrets",
  ],
  commands: [list, set, get, remove],
};

/** `settings` and everything under it. */
export const settings: Command = {
  name: "settings",
  aliases: ["setting"],
  summary: "Set secrets of the application and of its users",
  commands: [secrets],
};
