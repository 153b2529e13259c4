/**
 * The `keys` commands, as the table has them.
 *
 * @module
 */
import type { Command, Flag } from "./table.ts";
import { later } from "./later.ts";

const KEY = { name: "KEY" };
const EXPIRES: Flag = {
  name: "expires",
  value: "WHEN",
  help: "When it stops being good: 30d, a date, or never (default 90d)",
};

const create: Command = {
  name: "create",
  summary: "Make a service key and show it, once",
  args: [{ name: "NAME" }],
  flags: [
    { name: "role", value: "ROLE", help: "admin, writer, deployer, reader or invoker" },
    {
      name: "grant",
      value: "GRANT",
      many: true,
      help: "What it may do; may be given several times",
    },
    {
      name: "namespace",
      value: "NAME",
      many: true,
      help: "Where --role, and a --grant that names no place, hold; may have *, and be several",
    },
    { name: "cidr", value: "RANGE", many: true, help: "Good from these addresses only" },
    EXPIRES,
  ],
  notes: [
    "GRANT is ACTIONS @ NAMESPACES : NAMES, each a list with commas and * for any text. Left out, " +
    "NAMESPACES and NAMES are *, which is everything; the global scope alone is @global. Nobody can " +
    "grant more than they hold, nor for longer.",
    "The key goes to stdout and everything else to stderr, so that it can be sent to a file.",
  ],
  examples: [
    "keys create ci --role writer --namespace production",
    'keys create billing --grant "secrets:read,secrets:list @ prod* : STRIPE_*" --expires 30d',
    "keys create app --role invoker --cidr 10.0.0.0/8 --expires never",
  ],
  load: async () => (await later<typeof import("./keys_change.ts")>("./keys_change.ts")).createKey,
};

const list: Command = {
  name: "list",
  aliases: ["ls"],
  summary: "List the service keys that you could have made",
  flags: [{ name: "all", help: "Revoked, expired and exchanged ones, too" }],
  examples: ["keys list", "keys list --all -o json"],
  load: async () => (await later<typeof import("./keys_read.ts")>("./keys_read.ts")).listKeys,
};

const get: Command = {
  name: "get",
  summary: "Show what a service key may do, never the key itself",
  args: [KEY],
  notes: ["KEY is a name, an ID, or the beginning of the key such as fxsk_4fR2kQ9z."],
  examples: ["keys get ci"],
  load: async () => (await later<typeof import("./keys_read.ts")>("./keys_read.ts")).getKey,
};

const revoke: Command = {
  name: "revoke",
  aliases: ["delete", "rm"],
  summary: "End a service key at once, and every key that was made with it",
  args: [KEY],
  examples: ["keys revoke ci"],
  load: async () => (await later<typeof import("./keys_change.ts")>("./keys_change.ts")).revokeKey,
};

const rotate: Command = {
  name: "rotate",
  summary: "Give a service key a new secret; the old one stays good for a while",
  args: [KEY],
  flags: [
    {
      name: "overlap",
      value: "TIME",
      help: "How long the old one stays good (default 1d, at most 30d)",
    },
    { ...EXPIRES, help: "When it stops being good (default as long again, at most 90d)" },
  ],
  examples: ["keys rotate ci", "keys rotate ci --overlap 2h", "keys rotate leaked --overlap 0"],
  load: async () => (await later<typeof import("./keys_change.ts")>("./keys_change.ts")).rotateKey,
};

/** `keys` and everything under it. */
export const keys: Command = {
  name: "keys",
  aliases: ["key"],
  summary: "Make, rotate and revoke service keys",
  commands: [create, list, get, rotate, revoke],
};
