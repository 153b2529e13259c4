/**
 * The shape of the command table, from which parsing, help and suggestions come.
 *
 * @module
 */
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";
import type { Settings } from "./settings.ts";

/** A flag. A name means the same kind of flag in every command that has it. */
export interface Flag {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is called in help; a flag without one is on or off. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly many?: boolean;
  readonly help: string;
}

/** A positional argument. */
export interface Argument {
  /** In upper case, as in help. */
  readonly name: string;
  readonly optional?: boolean;
  /** Whether it may hold a secret: then no message repeats what was typed. */
  readonly secret?: boolean;
}

/** What a command is run with. */
export interface Context {
  /** Positional arguments by name, exactly as typed. */
  readonly args: Readonly<Record<string, string>>;
  /** Flags as typed. */
  readonly flags: Flags;
  /** The streams; under `--quiet` they carry data and errors only. */
  readonly io: Io;
  /** Which server, and how to print. */
  readonly settings: Settings;
  /**
   * Opens the connection. The key is looked for only now, so that nothing else needs one; an
   * anonymous connection sends none, and `token` is sent instead of any other.
   */
  connect(options?: { anonymous?: boolean; token?: string }): Promise<Client>;
}

/** What a command does. */
export type Handler = (context: Context) => Promise<void>;

/** A command, or a group of commands. */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line, for lists of commands. */
  readonly summary: string;
  readonly args?: readonly Argument[];
  readonly flags?: readonly Flag[];
  /** Paragraphs for the command's own help. */
  readonly notes?: readonly string[];
  /** Command lines that work as printed, without the program's name. */
  readonly examples?: readonly string[];
  /** Loads the handler when the command is run, and not before. */
  readonly load?: () => Promise<Handler>;
  readonly commands?: readonly Command[];
  /** Whether `--profile` may name one that isn't there yet. */
  readonly newProfile?: boolean;
}

/** The flags that every command has. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "server", value: "URL", help: "The server (or FLUXBASE_SERVER)" },
  { name: "token-file", value: "PATH", help: "A file that holds the key (or FLUXBASE_TOKEN)" },
  { name: "profile", short: "p", value: "NAME", help: "The profile (or FLUXBASE_PROFILE)" },
  { name: "config", value: "PATH", help: "The file of profiles (or FLUXBASE_CONFIG)" },
  { name: "insecure", help: "Send the key over plain http to another machine" },
  { name: "output", short: "o", value: "FORMAT", help: "table, json or yaml (default table)" },
  { name: "no-headers", help: "Leave out the heading of tables" },
  { name: "quiet", short: "q", help: "Print data and errors, and not what was done" },
  { name: "debug", help: "Print the method and path of each request to stderr" },
  { name: "help", short: "h", help: "Show help" },
  { name: "version", help: "Show the version" },
];

/** What was given for a flag. */
export type FlagValue = string | boolean | readonly string[];

/** The flags that were given. */
export class Flags {
  readonly #values: ReadonlyMap<string, FlagValue>;

  /** Takes the values by the flags' long names. */
  constructor(values: ReadonlyMap<string, FlagValue>) {
    this.#values = values;
  }

  /** The text of a flag with a value; `undefined` when it wasn't given. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** The texts of a flag that may be given several times. */
  texts(name: string): readonly string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : [];
  }

  /** Whether an on/off flag is on. */
  on(name: string): boolean {
    return this.#values.get(name) === true;
  }
}

/** Whether a word names a command. */
export function answersTo(command: Command, word: string): boolean {
  return command.name === word || (command.aliases?.includes(word) ?? false);
}

/** The words that name a command, such as `fluxbase secrets set`. */
export function nameOf(path: readonly Command[]): string {
  return path.map((each) => each.name).join(" ");
}

/** An argument as usage lines show it. */
export function argumentText(spec: { name: string; optional?: boolean }): string {
  return spec.optional === true ? `[${spec.name}]` : spec.name;
}
