/**
 * The commands about who one is, as the table has them.
 *
 * @module
 */
import type { Command } from "./table.ts";
import { later } from "./later.ts";

const run = () => later<typeof import("./login_run.ts")>("./login_run.ts");
const profileRun = () => later<typeof import("./profiles_run.ts")>("./profiles_run.ts");

/** `login`. */
export const login: Command = {
  name: "login",
  summary: "Keep a key for a server, so that commands need none",
  flags: [{ name: "no-keyring", help: "Keep it in a file though there is a keyring" }],
  newProfile: true,
  notes: [
    "The key is typed at a hidden prompt, piped in, or read with --token-file; it is never an " +
    "argument. It is tried first. It goes to the keyring of the operating system where there is " +
    "one (secret-tool on Linux, security on macOS), else into ~/.fluxbase/config.yaml, which only " +
    "you can read.",
    "Each server is a profile. -p names it; FLUXBASE_PROFILE or -p choose it later.",
  ],
  examples: [
    "login --server https://secrets.example.com",
    "login --server https://staging.example.com -p staging",
    "pass show fluxbase | fluxbase login --server https://secrets.example.com",
  ],
  load: async () => (await run()).logIn,
};

/** `logout`. */
export const logout: Command = {
  name: "logout",
  summary: "Forget the key of a profile; it stays good until it is revoked",
  examples: ["logout", "logout -p staging"],
  load: async () => (await run()).logOut,
};

/** `whoami`. */
export const whoami: Command = {
  name: "whoami",
  summary: "Show who the server takes you for, and what you may do",
  examples: ["whoami", "whoami -o json"],
  load: async () => (await run()).showSelf,
};

/** `auth`, under which other command lines have these. */
export const auth: Command = {
  name: "auth",
  summary: "The same as login, logout and whoami",
  commands: [login, logout, { ...whoami, aliases: ["status"] }],
};

/** `profiles` and everything under it. */
export const profiles: Command = {
  name: "profiles",
  aliases: ["profile"],
  summary: "List, choose and remove the servers that you are logged in to",
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      summary: "List profiles",
      load: async () => (await profileRun()).listProfiles,
    },
    {
      name: "use",
      summary: "Choose the profile of commands that name none",
      args: [{ name: "NAME" }],
      examples: ["profiles use staging"],
      load: async () => (await profileRun()).useProfile,
    },
    {
      name: "delete",
      aliases: ["rm"],
      summary: "Remove a profile and its key",
      args: [{ name: "NAME" }],
      examples: ["profiles delete staging"],
      load: async () => (await profileRun()).deleteProfile,
    },
  ],
};
