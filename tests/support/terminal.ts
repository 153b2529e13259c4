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
  /** What is typed once `after` is shown. */
  typed?: { readonly after: string; readonly keys: string };
  /** Where it is typed. */
  cwd?: string;
}

const END = "@@ left as: ";

/** Types one command line and waits for its end. */
export async function terminal(words: readonly string[], options: TypeOptions): Promise<Seen> {
  const line = [Deno.execPath(), ...TASK, ...words].map((word) => `'${word}'`).join(" ");
  // A shell outlives the Ctrl-C that ends its command.
  const script = `trap : INT; stty cols ${options.columns ?? 80}; ${line}; code=$?; ` +
    `printf '\\n%s' '${END}'; stty -a | tr '\\n' ' '; exit $code`;
  const child = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", script, "/dev/null"],
    env: { ...hostEnvironment(), ...options.env },
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keyboard = child.stdin.getWriter();
  let all = "";
  let waiting = options.typed;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    all += chunk;
    if (waiting === undefined || !all.includes(waiting.after)) continue;
    const { keys } = waiting;
    waiting = undefined;
    await keyboard.write(new TextEncoder().encode(keys));
  }
  await keyboard.close().catch(() => {});
  const { code } = await child.status;
  // The terminal itself ends lines with both.
  const [screen = "", left = ""] = all.replaceAll("\r\n", "\n").split(`\n${END}`);
  return { screen, code, restored: / echo /.test(left) && / icanon /.test(left) };
}
