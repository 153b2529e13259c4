/**
 * The command line at a real terminal, made by `script`.
 *
 * @module
 */
import { hostEnvironment, TASK } from "./cli.ts";

/** What somebody at a terminal saw, and what was left of it. */
export interface Seen {
  /** All that was shown. */
  readonly screen: string;
  /** What the shell knows of how the command ended. */
  readonly code: number;
  /** Whether the terminal shows keys and edits lines, as it did before. */
  readonly restored: boolean;
}

/** How a command line is typed. */
export interface TypeOptions {
  env: Readonly<Record<string, string>>;
  /** How wide the terminal is; default 80. */
  columns?: number;
  /** What is typed, or sent to the command, once `after` is shown. */
  then?: { readonly after: string; readonly keys: string } | {
    readonly after: string;
    readonly signal: Deno.Signal;
  };
  /** Where it is typed. */
  cwd?: string;
}

const START = "@@ begun as: ";
const END = "@@ left as: ";

/** Types one command line and waits for its end. */
export async function terminal(words: readonly string[], options: TypeOptions): Promise<Seen> {
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", scriptOf(words, options), "/dev/null"],
    env: { ...hostEnvironment(), ...options.env },
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keyboard = child.stdin.getWriter();
  let all = "";
  let { then } = options;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    all += chunk;
    if (then === undefined || !all.includes(then.after)) continue;
    const now = then;
    then = undefined;
    if ("keys" in now) await keyboard.write(new TextEncoder().encode(now.keys));
    else Deno.kill(Number(all.split(START)[1]!.split("\r\n")[0]), now.signal);
  }
  await keyboard.close().catch(() => {});
  const { code } = await child.status;
  // The terminal itself ends lines with both.
  const [before = "", left = ""] = all.replaceAll("\r\n", "\n").split(`\n${END}`);
  const screen = before.slice(before.indexOf("\n") + 1);
  return { screen, code, restored: / echo /.test(left) && / icanon /.test(left) };
}

/** A shell tells the process that the command becomes, and outlives the Ctrl-C that ends it. */
function scriptOf(words: readonly string[], { columns = 80 }: TypeOptions): string {
  const line = [Deno.execPath(), ...TASK, ...words].map((word) => `'${word}'`).join(" ");
  return [
    "trap : INT",
    `stty cols ${columns}`,
    `sh -c 'echo "${START}$$"; exec "$@"' sh ${line}`,
    "code=$?",
    `printf '\\n%s' '${END}'`,
    "stty -a | tr '\\n' ' '",
    "exit $code",
  ].join("; ");
}
