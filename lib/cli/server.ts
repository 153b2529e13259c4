/**
 * Commands about the server and the program itself, as the table has them.
 *
 * @module
 */
import type { Command } from "./table.ts";
import { later } from "./later.ts";

/** `health`. */
export const health: Command = {
  name: "health",
  aliases: ["status"],
  summary: "Say whether the server is reachable and ready, and the key accepted",
  examples: ["health", "health -o json"],
  load: async () => (await later<typeof import("./health.ts")>("./health.ts")).checkHealth,
};

/** `version`. */
export const version: Command = {
  name: "version",
  summary: "Show the version",
  load: async () => {
    const { VERSION } = await import("../version.ts");
    return (context) => Promise.resolve(context.io.out(VERSION));
  },
};

/** `completions`. */
export const completions: Command = {
  name: "completions",
  summary: "Print a script that completes commands and flags in a shell",
  args: [{ name: "SHELL" }],
  notes: [
    "SHELL is bash. The script also defines a function fluxbase that runs this checkout, where " +
    "there is no command of that name.",
  ],
  examples: ['eval "$(fluxbase completions bash)"'],
  load: async () =>
    (await later<typeof import("./completions.ts")>("./completions.ts")).printCompletions,
};
