/**
 * The command table: everything that can be typed.
 *
 * @module
 */
import { backup, migrate } from "./backup.ts";
import { functions } from "./functions.ts";
import { jobs } from "./jobs.ts";
import { keyring } from "./keyring.ts";
import { keys } from "./keys.ts";
import { auth, login, logout, profiles, whoami } from "./login.ts";
import { secrets } from "./secrets.ts";
import { health, version } from "./server.ts";
import { settings } from "./setting_secrets.ts";
import type { Command } from "./table.ts";
import { verify } from "./verify.ts";

/** `help`, which takes the words of any command. */
export const HELP: Command = {
  name: "help",
  summary: "Show help for a command, as in: help secrets set",
};

/** The program itself. */
export const ROOT: Command = {
  name: "fluxbase",
  summary: "Secrets for edge functions and background jobs",
  commands: [
    secrets,
    settings,
    functions,
    jobs,
    keyring,
    verify,
    backup,
    migrate,
    keys,
    login,
    logout,
    whoami,
    profiles,
    auth,
    health,
    version,
    HELP,
  ],
};
