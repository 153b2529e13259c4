/**
 * The `secrets` commands, as the table has them.
 *
 * @module
 */
import type { Command, Flag } from "./table.ts";
import { later } from "./later.ts";

const NAME = { name: "NAME" };
const NAMESPACE: Flag = {
  name: "namespace",
  value: "NAME",
  help: "The secret of this namespace; left out, the global one",
};

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List secrets; values are never shown",
  flags: [
    { name: "scope", value: "SCOPE", help: "Only global or only namespace secrets" },
    { name: "namespace", value: "NAME", help: "Only the secrets of this namespace" },
    { name: "deleted", help: "Those that were deleted and can be restored, the last one first" },
  ],
  examples: [
    "secrets list",
    "secrets list --scope global",
    "secrets list --namespace production -o json",
    "secrets list --deleted",
  ],
  load: async () =>
    (await later<typeof import("./secrets_read.ts")>("./secrets_read.ts")).listSecrets,
};

const set: Command = {
  name: "set",
  summary: "Create a secret, or give it a new version",
  args: [NAME, { name: "VALUE", optional: true, secret: true }],
  flags: [
    { name: "scope", value: "SCOPE", help: "global or namespace; --namespace implies namespace" },
    NAMESPACE,
    { name: "description", value: "TEXT", help: "What it is for" },
    { name: "expires", value: "WHEN", help: "When it stops being injected; never clears it" },
    { name: "from-file", value: "PATH", help: "Read the value from a file, every byte of it" },
    { name: "if-match", value: "VERSION", help: "Only if this is still the current version" },
  ],
  notes: [
    "VALUE is - to read it from stdin (one newline at the end is dropped), or is left out to be asked " +
    "for it at the terminal, hidden. Typed as an argument it can be seen in the shell's history and " +
    "in the list of processes; `deno task` without -q also prints it. A VALUE that begins with a " +
    "dash and a letter goes after --.",
    "WHEN is a period such as 45s, 90m, 12h, 30d, 2w, 6mo or 1y (in the calendar, UTC), several of " +
    "them from the longest to the shortest as in 1y6mo, a date such as 2027-01-31 (its beginning in " +
    "UTC), a date and time with its offset such as 2027-01-31T09:00:00+01:00, or never.",
  ],
  examples: [
    'secrets set API_KEY "sk-your-api-key"',
    'secrets set DATABASE_URL "postgres://..." --namespace production',
    'secrets set TEMP_TOKEN "xyz" --expires 30d',
    "secrets set TLS_KEY --from-file key.pem",
    "pass show stripe | fluxbase secrets set STRIPE_KEY -",
    "secrets set OFFSET -- -x5",
  ],
  load: async () => (await later<typeof import("./secrets_set.ts")>("./secrets_set.ts")).setSecret,
};

const get: Command = {
  name: "get",
  summary: "Show a secret's metadata; the value is never returned",
  args: [NAME],
  flags: [NAMESPACE],
  examples: ["secrets get API_KEY", "secrets get DATABASE_URL --namespace production -o yaml"],
  load: async () =>
    (await later<typeof import("./secrets_read.ts")>("./secrets_read.ts")).getSecret,
};

const remove: Command = {
  name: "delete",
  aliases: ["rm", "remove"],
  summary: "Delete a secret with all its versions, without asking",
  args: [NAME],
  flags: [
    NAMESPACE,
    { name: "purge", help: "For good, with everything deleted before under this name" },
  ],
  notes: ["A deleted secret can be restored for 30 days, or as long as the server is set to."],
  examples: [
    "secrets delete API_KEY",
    "secrets delete DATABASE_URL --namespace production",
    "secrets delete API_KEY --purge",
  ],
  load: async () =>
    (await later<typeof import("./secrets_change.ts")>("./secrets_change.ts")).deleteSecret,
};

const history: Command = {
  name: "history",
  aliases: ["versions"],
  summary: "List the versions of a secret, newest first",
  args: [NAME],
  flags: [NAMESPACE],
  examples: ["secrets history API_KEY"],
  load: async () =>
    (await later<typeof import("./secrets_read.ts")>("./secrets_read.ts")).listVersions,
};

const rollback: Command = {
  name: "rollback",
  summary: "Make an earlier version's value the newest version",
  args: [NAME, { name: "VERSION" }],
  flags: [NAMESPACE],
  examples: ["secrets rollback API_KEY 2"],
  load: async () =>
    (await later<typeof import("./secrets_change.ts")>("./secrets_change.ts")).rollbackSecret,
};

const restore: Command = {
  name: "restore",
  aliases: ["undelete"],
  summary: "Bring back a deleted secret, or everything as it was at a moment",
  args: [{ ...NAME, optional: true }],
  flags: [
    { ...NAMESPACE, help: "Of this namespace; left out with a NAME, the global one" },
    { name: "as-version", help: "Where there is a new secret: the value as its newest version" },
    {
      name: "at",
      value: "TIME",
      help: "Everything as it was then: 1h ago, or 2026-01-02T03:04:05Z",
    },
    { name: "global", help: "With --at: the global scope" },
    { name: "dry-run", help: "With --at: say what would be done, and do nothing" },
  ],
  notes: [
    "With --at, values come back as new versions, what was deleted since comes back, and what was " +
    "made since is deleted: all of it or nothing, and no history is rewritten. Descriptions and " +
    "expiries stay as they are.",
  ],
  examples: [
    "secrets restore API_KEY",
    "secrets restore API_KEY --as-version",
    "secrets restore --at 2026-01-02T03:04:05Z --namespace production --dry-run",
    "secrets restore --at 2026-01-02T03:04:05Z --global",
  ],
  load: async () =>
    (await later<typeof import("./secrets_restore.ts")>("./secrets_restore.ts")).restoreSecrets,
};

const usage: Command = {
  name: "usage",
  summary: "Show which functions and jobs have read a secret, and which may",
  args: [NAME],
  flags: [NAMESPACE],
  notes: [
    "Who has read it is told by the runs that are recorded; of a flood of calls, that is a part.",
    "Who may read it is told by namespaces and by the lists of secrets in settings, of what is " +
    "deployed and of the server's own directories: those would be given it by a call of now.",
  ],
  examples: ["secrets usage API_KEY", "secrets usage DATABASE_URL --namespace production"],
  load: async () =>
    (await later<typeof import("./secrets_usage.ts")>("./secrets_usage.ts")).showUsage,
};

/** `secrets` and everything under it. */
export const secrets: Command = {
  name: "secrets",
  aliases: ["secret"],
  summary: "Set, list and roll back the secrets of functions and jobs",
  commands: [list, set, get, remove, restore, history, rollback, usage],
};
