/**
 * `completions bash`: a script for the shell, written from the command table.
 *
 * @module
 */
import { readTable } from "./commands.ts";
import { CliError, usageError } from "./failure.ts";
import { type Command, type Context, GLOBAL_FLAGS } from "./table.ts";

/** Prints the script of a shell. */
export async function printCompletions(context: Context): Promise<void> {
  if (context.args.SHELL !== "bash") throw usageError("SHELL must be bash");
  const config = decodeURIComponent(new URL("../../deno.json", import.meta.url).pathname);
  if (/\p{Cc}/u.test(config)) {
    throw new CliError(1, "The checkout's path has a control character, which no script can hold");
  }
  context.io.out(bashScript(await readTable(null), config));
}

/**
 * Words are offered by where one is in the table: below a group its commands, and flags where one is
 * begun. For arguments and the values of flags it offers files.
 *
 * @param config The configuration of the task that the function `fluxbase` runs where there is no
 * command of that name.
 */
export function bashScript(root: Command, config: string): string {
  const places = [...placesIn(root, [""])];
  const steps = places.flatMap(({ path, spellings }) =>
    spellings.map((spelling) => `      "${spelling}") at="${path}" ;;`)
  );
  const offers = [placeOf(root, "", []), ...places].map(({ path, words, flags }) =>
    `    "${path}") words="${words.join(" ")}" flags="${flags.join(" ")}" ;;`
  );
  const withValue = [...new Set(places.flatMap(({ withValue }) => withValue))].sort();
  const task = `deno task -q --config ${quoted(config)} cli`;
  return `# In ~/.bashrc: eval "$(${task} completions bash)"
command -v fluxbase >/dev/null || fluxbase() { ${task} "$@"; }
_fluxbase() {
  local at="" words="" flags="" cur="\${COMP_WORDS[COMP_CWORD]}" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${withValue.join("|")})
        ((i++))
        continue ;;
    esac
    case "$at \${COMP_WORDS[i]}" in
      " help") ;;
${steps.join("\n")}
    esac
  done
  ((i > COMP_CWORD)) && return
  case "$at" in
${offers.join("\n")}
  esac
  if [[ $cur == -* ]]; then words="$flags"; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _fluxbase fluxbase`;
}

interface Place {
  /** The words that lead there, each after a space. */
  readonly path: string;
  /** The path as the last word may be typed: by its name and its other names. */
  readonly spellings: readonly string[];
  /** The commands below. */
  readonly words: readonly string[];
  readonly flags: readonly string[];
  /** Flags behind which a value comes, as they may be typed. */
  readonly withValue: readonly string[];
}

function* placesIn(group: Command, above: readonly string[]): Generator<Place> {
  const before = above.join(" ");
  for (const command of group.commands ?? []) {
    const spellings = [command.name, ...(command.aliases ?? [])].map((word) => `${before} ${word}`);
    yield placeOf(command, spellings[0]!, spellings);
    yield* placesIn(command, [...above, command.name]);
  }
}

function placeOf(command: Command, path: string, spellings: readonly string[]): Place {
  const flags = [...(command.flags ?? []), ...GLOBAL_FLAGS];
  const withValue = flags.filter(({ value }) => value !== undefined).flatMap(({ name, short }) =>
    short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]
  );
  return {
    path,
    spellings,
    words: (command.commands ?? []).map(({ name }) => name),
    flags: flags.map(({ name }) => `--${name}`),
    withValue,
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
