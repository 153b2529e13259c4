/**
 * From what was typed to a command with its arguments and flags.
 *
 * parseArgs guesses types and takes the word after a flag for its value only when it doesn't begin
 * with a dash. Values of secrets must survive exactly, so the words are first put in a form that
 * leaves nothing to guess: `--flag=value` for each flag, and everything else after `--`.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { usageError } from "./failure.ts";
import { nearest } from "./suggest.ts";
import {
  answersTo,
  argumentText,
  type Command,
  type Flag,
  Flags,
  type FlagValue,
  GLOBAL_FLAGS,
  nameOf,
} from "./table.ts";

/** A command line, understood. */
export interface Invocation {
  /** The commands from the root to the one that was named. */
  readonly path: readonly Command[];
  readonly args: Readonly<Record<string, string>>;
  readonly flags: Flags;
}

/** Words that can only be flags: anything else with a dash (`-5`, `-----BEGIN…`) is an argument. */
const FLAG = /^(?:-[A-Za-z]|--[A-Za-z])/;

/**
 * Parses the words of a command line against the table.
 *
 * @throws {CliError} Exit 2 when a command or flag is unknown, or an argument missing or too many.
 */
export function parseCommandLine(words: readonly string[], root: Command): Invocation {
  const every = allFlags(root);
  const { flagWords, rest } = sortWords(words, every);
  const { path, remaining } = findCommand(rest, root);
  const command = path[path.length - 1]!;
  const flags = readFlags(flagWords, command, every);
  const helpOnly = flags.on("help") || flags.on("version") || command.load === undefined;
  return { path, args: helpOnly ? {} : readArguments(remaining, path), flags };
}

/** Every flag of the table by name, so that it is known which take a value. */
function allFlags(root: Command): Map<string, Flag> {
  const found = new Map(GLOBAL_FLAGS.map((flag) => [flag.name, flag]));
  const visit = (command: Command): void => {
    for (const flag of command.flags ?? []) found.set(flag.name, flag);
    command.commands?.forEach(visit);
  };
  visit(root);
  return found;
}

function sortWords(
  words: readonly string[],
  every: ReadonlyMap<string, Flag>,
): { flagWords: string[]; rest: string[] } {
  const flagWords: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      rest.push(...words.slice(i + 1));
      break;
    }
    if (!FLAG.test(word)) {
      rest.push(word);
      continue;
    }
    const { name, value } = splitFlag(word, every);
    const flag = every.get(name);
    if (flag === undefined) flagWords.push(`--${name}`);
    else if (flag.value === undefined) flagWords.push(...switchWord(flag, value));
    else if (value !== undefined) flagWords.push(`--${name}=${value}`);
    else if (i + 1 < words.length) flagWords.push(`--${name}=${words[++i]!}`);
    else throw usageError(`Flag --${name} needs a value: --${name} ${flag.value}`);
  }
  return { flagWords, rest };
}

function switchWord(flag: Flag, value: string | undefined): string[] {
  if (value === undefined || value === "true") return [`--${flag.name}`];
  if (value === "false") return [];
  throw usageError(`Flag --${flag.name} is on or off and takes no value`);
}

/** Splits `--name=value`, `-n=value` and `-nvalue`; a short name is put in its long form. */
function splitFlag(
  word: string,
  every: ReadonlyMap<string, Flag>,
): { name: string; value: string | undefined } {
  if (word.startsWith("--")) {
    const at = word.indexOf("=");
    return at < 0
      ? { name: word.slice(2), value: undefined }
      : { name: word.slice(2, at), value: word.slice(at + 1) };
  }
  const flag = [...every.values()].find((each) => each.short === word[1]);
  const tail = word.slice(2);
  if (flag === undefined || (flag.value === undefined && tail !== "")) {
    return { name: word.slice(1), value: undefined };
  }
  if (tail === "") return { name: flag.name, value: undefined };
  return { name: flag.name, value: tail.startsWith("=") ? tail.slice(1) : tail };
}

function findCommand(
  words: readonly string[],
  root: Command,
): { path: Command[]; remaining: readonly string[] } {
  const path = [root];
  let at = 0;
  for (; at < words.length; at++) {
    const group = path[path.length - 1]!;
    if (group.commands === undefined) break;
    const word = words[at]!;
    const found = group.commands.find((each) => answersTo(each, word));
    if (found === undefined) throw unknownCommand(word, path);
    path.push(found);
  }
  return { path, remaining: words.slice(at) };
}

function unknownCommand(word: string, path: readonly Command[]): Error {
  const group = path[path.length - 1]!;
  const names = group.commands!.flatMap((each) => [each.name, ...(each.aliases ?? [])]);
  const meant = nearest(word, names);
  const where = nameOf(path);
  // A word that resembles no command may be a value that slipped here: it isn't repeated.
  return meant === null
    ? usageError(`Unknown command after '${where}'`, `See: ${where} --help`)
    : usageError(`Unknown command '${word}'. Did you mean '${meant}'?`);
}

function readFlags(
  flagWords: readonly string[],
  command: Command,
  every: ReadonlyMap<string, Flag>,
): Flags {
  const known = [...GLOBAL_FLAGS, ...(command.flags ?? [])];
  const named = (flag: Flag): string => flag.name;
  const parsed = parseArgs(flagWords, {
    string: known.filter((flag) => flag.value !== undefined).map(named),
    boolean: known.filter((flag) => flag.value === undefined).map(named),
    collect: known.map(named),
    unknown: (word) => {
      throw unknownFlag(word.slice(2).split("=", 1)[0]!, command, known.map(named), every);
    },
  });
  const values = new Map<string, FlagValue>();
  for (const { name, many } of known) {
    const given = parsed[name] as (string | boolean)[];
    if (many === true) values.set(name, given as string[]);
    if (many === true) continue;
    if (given.length > 1) throw usageError(`Flag --${name} is given more than once`);
    if (given[0] !== undefined) values.set(name, given[0]);
  }
  return new Flags(values);
}

function unknownFlag(
  key: string,
  command: Command,
  known: readonly string[],
  every: ReadonlyMap<string, Flag>,
): Error {
  if (every.has(key)) return usageError(`'${command.name}' has no flag --${key}`);
  const meant = nearest(key, known);
  if (meant !== null) return usageError(`Unknown flag --${key}. Did you mean --${meant}?`);
  const takesSecret = command.args?.some((each) => each.secret) ?? false;
  return takesSecret
    ? usageError(
      `Unknown flag. A VALUE that begins with - goes after --: ${command.name} NAME -- -…`,
    )
    : usageError(`Unknown flag --${key}`);
}

function readArguments(words: readonly string[], path: readonly Command[]): Record<string, string> {
  const specs = path[path.length - 1]!.args ?? [];
  const usage = [nameOf(path), ...specs.map(argumentText)].join(" ");
  const missing = specs[words.length];
  if (missing !== undefined && missing.optional !== true) {
    throw usageError(`${missing.name} is missing`, `Usage: ${usage}`);
  }
  if (words.length > specs.length) {
    throw usageError(`Too many arguments: ${words.length}, not ${specs.length}`, `Usage: ${usage}`);
  }
  return Object.fromEntries(words.map((word, i) => [specs[i]!.name, word]));
}
