/**
 * The command table: everything that can be typed.
 *
 * Each noun's part of it is a module of its own, and reading them all takes longer than anything
 * that the command line does by itself. So the words typed choose which parts are read; of the
 * others the name and the summary stand here, for help and for suggestions.
 *
 * @module
 */
import { later } from "./later.ts";
import { answersTo, type Command } from "./table.ts";

/** `help`, which takes the words of any command. */
export const HELP: Command = {
  name: "help",
  summary: "Show help for a command, as in: help secrets set",
};

/** A noun as it stands here, and where the rest of it is. */
interface Noun {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly read: () => Promise<Command>;
}

const login = () => later<typeof import("./login.ts")>("./login.ts");
const backup = () => later<typeof import("./backup.ts")>("./backup.ts");
const server = () => later<typeof import("./server.ts")>("./server.ts");

const NOUNS: readonly Noun[] = [
  {
    name: "secrets",
    aliases: ["secret"],
    summary: "Set, list and roll back the secrets of functions and jobs",
    read: async () => (await later<typeof import("./secrets.ts")>("./secrets.ts")).secrets,
  },
  {
    name: "settings",
    aliases: ["setting"],
    summary: "Set secrets of the application and of its users",
    read: async () =>
      (await later<typeof import("./setting_secrets.ts")>("./setting_secrets.ts")).settings,
  },
  {
    name: "functions",
    aliases: ["function", "fn"],
    summary: "Deploy, list and call edge functions",
    read: async () => (await later<typeof import("./functions.ts")>("./functions.ts")).functions,
  },
  {
    name: "jobs",
    aliases: ["job"],
    summary: "Deploy, submit, follow and schedule background jobs",
    read: async () => (await later<typeof import("./jobs.ts")>("./jobs.ts")).jobs,
  },
  {
    name: "logs",
    aliases: ["log"],
    summary: "Search and follow what functions and jobs printed and read",
    read: async () => (await later<typeof import("./logs.ts")>("./logs.ts")).logs,
  },
  {
    name: "audit",
    summary: "Show who did what, and whether the record of it is whole",
    read: async () => (await later<typeof import("./audit.ts")>("./audit.ts")).audit,
  },
  {
    name: "keyring",
    summary: "Look after the keys that seal everything",
    read: async () => (await later<typeof import("./keyring.ts")>("./keyring.ts")).keyring,
  },
  {
    name: "verify",
    summary: "Check that everything stored is as it was written",
    read: async () => (await later<typeof import("./verify.ts")>("./verify.ts")).verify,
  },
  {
    name: "backup",
    summary: "Save everything in one encrypted file, and bring it back",
    read: async () => (await backup()).backup,
  },
  {
    name: "migrate",
    summary: "Move in from another product",
    read: async () => (await backup()).migrate,
  },
  {
    name: "keys",
    aliases: ["key"],
    summary: "Make, rotate and revoke service keys",
    read: async () => (await later<typeof import("./keys.ts")>("./keys.ts")).keys,
  },
  {
    name: "login",
    summary: "Keep a key for a server, so that commands need none",
    read: async () => (await login()).login,
  },
  {
    name: "logout",
    summary: "Forget the key of a profile; it stays good until it is revoked",
    read: async () => (await login()).logout,
  },
  {
    name: "whoami",
    summary: "Show who the server takes you for, and what you may do",
    read: async () => (await login()).whoami,
  },
  {
    name: "profiles",
    aliases: ["profile"],
    summary: "List, choose and remove the servers that you are logged in to",
    read: async () => (await login()).profiles,
  },
  {
    name: "auth",
    summary: "The same as login, logout and whoami",
    read: async () => (await login()).auth,
  },
  {
    name: "health",
    aliases: ["status"],
    summary: "Say whether the server is reachable and ready, and the key accepted",
    read: async () => (await server()).health,
  },
  {
    name: "version",
    summary: "Show the version",
    read: async () => (await server()).version,
  },
  {
    name: "completions",
    summary: "Print a script that completes commands and flags in a shell",
    read: async () => (await server()).completions,
  },
];

/**
 * The table, with the whole of every noun that one of the words names.
 *
 * @param words What was typed; `null` for the whole table.
 */
export async function readTable(words: readonly string[] | null): Promise<Command> {
  const commands = await Promise.all(NOUNS.map(({ read, ...noun }) => {
    const named = words === null || words.some((word) => answersTo(noun, word));
    return named ? read() : noun;
  }));
  return {
    name: "fluxbase",
    summary: "Secrets for edge functions and background jobs",
    commands: [...commands, HELP],
  };
}
