/**
 * `completions bash`: a script for the shell, written from the command table.
 *
 * @module
 */
import { readTable } from "./commands.ts";
import { usageError } from "./failure.ts";
import { type Command, type Context, type Flag, GLOBAL_FLAGS } from "./table.ts";

/** Prints the script of a shell. */
export async function printCompletions(context: Context): Promise<void> {
  if (context.args.SHELL !== "bash") throw usageError("SHELL must be bash");
  const config = decodeURIComponent(new URL("../../deno.json", import.meta.url).pathname);
  context.io.out(bashScript(await readTable(null), config));
}

/**
 * Words are offered by where one is in the table: below a group its commands, below a command its
 * flags, and files where neither fits.
 *
 * @param config The configuration of the task that the function `fluxbase` runs where there is no
 * command of that name.
 */
export function bashScript(root: Command, config: string): string {
  const places = [...placesIn(root, [""])];
  const steps = places.flatMap(({ path, spellings }) =>
    spellings.map((spelling) => `      "${spelling}") at="${path}" ;;`)
  );
  const offers = places.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`);
  const top = (root.commands ?? []).map(({ name }) => name).join(" ");
  const task = `deno task -q --config ${quoted(config)} cli`;
  return `# In ~/.bashrc: eval "$(${task} completions bash)"
command -v fluxbase >/dev/null || fluxbase() { ${task} "$@"; }
_fluxbase() {
  local at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
${steps.join("\n")}
    esac
  done
  case "$at" in
    "" | " help") words="${top}" ;;
${offers.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _fluxbase fluxbase`;
}

interface Place {
  /** The words that lead there, each after a space. */
  readonly path: string;
  /** The path as the last word may be typed: by its name and its other names. */
  readonly spellings: readonly string[];
  readonly words: readonly string[];
}

function* placesIn(group: Command, above: readonly string[]): Generator<Place> {
  const before = above.join(" ");
  for (const command of group.commands ?? []) {
    const spellings = [command.name, ...(command.aliases ?? [])].map((word) => `${before} ${word}`);
    const words = command.commands?.map(({ name }) => name) ?? flagsOf(command);
    yield { path: spellings[0]!, spellings, words };
    yield* placesIn(command, [...above, command.name]);
  }
}

function flagsOf({ flags = [] }: Command): string[] {
  return [...flags, ...GLOBAL_FLAGS].map(({ name }: Flag) => `--${name}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
