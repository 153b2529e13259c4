/**
 * The command line as people run it: by `deno task`, with the task's own permissions.
 *
 * @module
 */
import { pickToolEnvironment } from "../../lib/runtime/code/deno_tool.ts";
import { collect } from "./collect.ts";

/** What a command line did. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command line is run. */
export interface CliOptions {
  /** Added to an environment that has nothing of ours. */
  env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is empty otherwise. */
  stdin?: string | Uint8Array;
  /** Where it is typed. */
  cwd?: string;
  /** Words before the command line's own; default runs the task without its heading. */
  task?: readonly string[];
}

/** The project's directory. */
export const ROOT = new URL("../../", import.meta.url).pathname;

const CONFIG = `${ROOT}deno.json`;

/** Where no file of profiles is, so that nobody's own are used. */
const NO_PROFILES = `${ROOT}tests/no-such-file.yaml`;

/** The words that run the command line. */
export const TASK: readonly string[] = ["task", "--quiet", "--config", CONFIG, "cli"];

/** Runs one command line to its end. */
export async function runCli(
  words: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...(options.task ?? TASK), ...words],
    env: { ...hostEnvironment(), FLUXBASE_CONFIG: NO_PROFILES, ...options.env },
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output] = await Promise.all([child.output(), feed(child.stdin, options.stdin ?? "")]);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

/** A command line that goes on until it is told to end. */
export interface RunningCli extends AsyncDisposable {
  /** What it has printed until now. */
  readonly out: string;
}

/** Starts one command line that doesn't end by itself; disposing ends it. */
export function startCli(words: readonly string[], options: CliOptions = {}): RunningCli {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...(options.task ?? TASK), ...words],
    env: { ...hostEnvironment(), FLUXBASE_CONFIG: NO_PROFILES, ...options.env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  return {
    get out() {
      return out.text;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await Promise.all([child.status, out.done, err.done]);
    },
  };
}

/** What Deno needs to find itself, its cache and the npm registry. */
export function hostEnvironment(): Record<string, string> {
  return pickToolEnvironment(Deno.env.toObject());
}

async function feed(stdin: WritableStream<Uint8Array>, input: string | Uint8Array): Promise<void> {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const writer = stdin.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch {
    // A command that reads nothing may end before it is fed.
  }
}
