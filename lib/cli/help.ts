/**
 * Help, written from the command table.
 *
 * @module
 */
import { EXIT_CODES } from "./failure.ts";
import { wrap } from "./layout.ts";
import { argumentText, type Command, type Flag, GLOBAL_FLAGS, nameOf } from "./table.ts";

const WIDTH = 80;

/** The help of the last command of a path. */
export function helpText(path: readonly Command[]): string {
  const command = path[path.length - 1]!;
  const sections = [
    `${command.summary}.`,
    usage(path),
    ...(command.notes ?? []).map((note) => wrap(note, WIDTH).join("\n")),
    section("Commands", (command.commands ?? []).map(commandRow)),
    section("Flags", (command.flags ?? []).map(flagRow)),
    section("Flags of every command", GLOBAL_FLAGS.map(flagRow)),
    examples(command),
    path.length === 1 ? rootNotes() : "",
  ];
  return sections.filter((each) => each !== "").join("\n\n");
}

function usage(path: readonly Command[]): string {
  const command = path[path.length - 1]!;
  const tail = command.commands === undefined
    ? [...(command.args ?? []).map(argumentText), "[flags]"]
    : ["COMMAND"];
  const aliases = command.aliases === undefined ? "" : `\nAlso: ${command.aliases.join(", ")}`;
  return `Usage: ${[nameOf(path), ...tail].join(" ")}${aliases}`;
}

function commandRow(command: Command): [string, string] {
  return [command.name, command.summary];
}

function flagRow(flag: Flag): [string, string] {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const value = flag.value === undefined ? "" : ` ${flag.value}`;
  return [`${short}--${flag.name}${value}`, flag.help];
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  const left = Math.max(...rows.map(([term]) => term.length)) + 4;
  const lines = rows.flatMap(([term, text]) =>
    wrap(text, WIDTH - left).map((line, i) => (i === 0 ? `  ${term}` : "").padEnd(left) + line)
  );
  return [`${title}:`, ...lines].join("\n");
}

function examples(command: Command): string {
  if (command.examples === undefined) return "";
  const lines = command.examples.map((line) =>
    line.includes("fluxbase ") ? `  ${line}` : `  fluxbase ${line}`
  );
  return ["Examples:", ...lines].join("\n");
}

function rootNotes(): string {
  const codes = Object.entries(EXIT_CODES).map(([code, text]): [string, string] => [code, text]);
  const run =
    "In a checkout, fluxbase stands for: deno task -q cli. The server of this machine is " +
    "found at FLUXBASE_HOST and FLUXBASE_PORT (http://127.0.0.1:8080), and its admin key in " +
    "FLUXBASE_DATA_DIR (.fluxbase). Elsewhere run fluxbase login, or set FLUXBASE_SERVER and " +
    "FLUXBASE_TOKEN.";
  return [section("Exit codes", codes), wrap(run, WIDTH).join("\n")].join("\n\n");
}
