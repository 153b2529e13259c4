/**
 * A root key that a command prints, such as a cloud provider's key management or a password manager.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** How a command is run. */
export interface CommandOptions {
  /** The command's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

const SETTING = "FLUXBASE_ENCRYPTION_KEY_COMMAND";
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT = 64 * 1_024;

/**
 * Splits the setting into words: a JSON list of them, or words with spaces between. Nothing else has
 * a meaning: no quotes, no variables, no pipes.
 *
 * @throws {AppError} CONFIG_INVALID when it is neither.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseCommand } from "./command.ts";
 *
 * assertEquals(parseCommand("pass show fluxbase"), ["pass", "show", "fluxbase"]);
 * assertEquals(parseCommand('["cat", "my key"]'), ["cat", "my key"]);
 * ```
 */
export function parseCommand(text: string): [string, ...string[]] {
  const words = text.startsWith("[") ? parseList(text) : text.split(/\s+/);
  const [first, ...rest] = words ?? [];
  if (first === undefined || first === "") {
    throw new AppError("CONFIG_INVALID", `${SETTING} must be words, or a JSON list of them`);
  }
  return [first, ...rest];
}

/**
 * Runs a command and returns what it printed. There is no shell, so nothing of it is interpreted;
 * what it prints goes nowhere but here, and what it complains of nowhere at all.
 *
 * @throws {AppError} ROOT_UNAVAILABLE when it can't be run, fails, or takes too long.
 */
export async function runKeyCommand(
  words: readonly [string, ...string[]],
  { env, timeoutMs = TIMEOUT_MS }: CommandOptions,
): Promise<string> {
  const process = spawn(words, env);
  const reader = process.stdout.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill(process);
    // Something that it started may hold its output open.
    reader.cancel().catch(() => {});
  }, timeoutMs);
  try {
    const output = await readOutput(reader);
    if (output === null) kill(process);
    const { success, code } = await process.status;
    if (late) throw failed(`did not end within ${timeoutMs / 1_000} s`);
    if (output === null) throw failed("printed too much");
    if (!success) throw failed(`ended with exit code ${code}`);
    return output.trim();
  } finally {
    clearTimeout(timer);
    await reader.cancel();
  }
}

function spawn(
  words: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
): Deno.ChildProcess {
  const options = {
    env: { ...env },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  } as const;
  const [command, ...args] = words;
  try {
    return new Deno.Command(command, { ...options, args }).spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw failed("can't be run", cause);
  }
  // This process may run a few programs only. `env` would do, were it one of them; `sh` is, and is
  // given a text of our own, in which the words are arguments and nothing else.
  try {
    const script = 'exec "$0" "$@"';
    return new Deno.Command("sh", { ...options, args: ["-c", script, command, ...args] }).spawn();
  } catch (cause) {
    throw failed("can't be run", cause);
  }
}

async function readOutput(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
    if (text.length > MAX_OUTPUT) return null;
  }
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function parseList(text: string): string[] | null {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === "string") ? list : null;
  } catch {
    return null;
  }
}

function failed(what: string, cause?: unknown): AppError {
  return new AppError("ROOT_UNAVAILABLE", `The command of ${SETTING} ${what}`, { cause });
}
