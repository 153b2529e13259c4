/**
 * Runs Deno's own tools over users' source files, with a deadline and bounded output.
 *
 * @module
 */
import { AppError } from "../../errors.ts";

/** How Deno's tools are run. */
export interface ToolOptions {
  /** The path of the `deno` executable. */
  readonly deno: string;
  /** The tools' whole environment; see {@linkcode TOOL_ENVIRONMENT}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Deno's cache of npm packages; its usual one when left out. */
  readonly denoDir?: string;
  /** Milliseconds until a tool is killed. 60,000 when left out. */
  readonly deadlineMs?: number;
  /** Kills the tools when it aborts. */
  readonly signal?: AbortSignal;
  /** The path of `prlimit`, which keeps a graph over an endless file from filling the memory. */
  readonly prlimit?: string;
}

/** What a tool wrote. */
export interface ToolResult {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The variables that Deno's tools need from the server's environment: where its cache is, and how
 * a private npm registry is reached. Nothing else is handed on.
 */
export const TOOL_ENVIRONMENT: readonly string[] = [
  "DENO_DIR",
  "HOME",
  "PATH",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "LOCALAPPDATA",
  "USERPROFILE",
  "SYSTEMROOT",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NPM_CONFIG_REGISTRY",
  "NPM_CONFIG_USERCONFIG",
  "NPM_TOKEN",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

const DEADLINE_MS = 60_000;
const STDOUT_BYTES = 64 * 1024 * 1024;
const STDERR_BYTES = 256 * 1024;
/** Bytes of heap for a tool under `prlimit`; a graph of thousands of modules needs a tenth. */
const DATA_BYTES = 1024 * 1024 * 1024;

/** The entries of `env` that {@linkcode TOOL_ENVIRONMENT} names. */
export function pickToolEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of TOOL_ENVIRONMENT) {
    const value = env[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

/**
 * Runs one tool to its end.
 *
 * @param args The arguments of `deno`.
 * @throws {AppError} BUNDLER_UNAVAILABLE past the deadline or when Deno can't be started;
 * FUNCTION_INVALID when the output is larger than 64 MiB.
 */
export async function runTool(
  args: readonly string[],
  options: ToolOptions & { readonly cwd?: string; readonly limitMemory?: boolean },
): Promise<ToolResult> {
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS);
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
  if (signal.aborted) throw shuttingDown();
  const child = start(args, options);
  const kill = () => killQuietly(child);
  signal.addEventListener("abort", kill, { once: true });
  try {
    const [stdout, stderr, status] = await Promise.all([
      readBounded(child.stdout, STDOUT_BYTES, kill),
      readBounded(child.stderr, STDERR_BYTES, null),
      child.status,
    ]);
    if (deadline.aborted) throw unavailable("Bundling took too long and was ended");
    if (signal.aborted) throw shuttingDown();
    if (stdout === null) throw new AppError("FUNCTION_INVALID", "The bundle is over 64 MiB");
    return { success: status.success, stdout, stderr: stderr ?? "" };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function start(
  args: readonly string[],
  options: ToolOptions & { readonly cwd?: string; readonly limitMemory?: boolean },
): Deno.ChildProcess {
  const limited = options.limitMemory === true && options.prlimit !== undefined;
  const command = limited ? options.prlimit ?? "" : options.deno;
  const prefix = limited ? [`--data=${DATA_BYTES}`, options.deno] : [];
  try {
    return new Deno.Command(command, {
      args: [...prefix, ...args],
      env: childEnvironment(options),
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }).spawn();
  } catch (cause) {
    throw unavailable("Deno could not be started to bundle functions", cause);
  }
}

function childEnvironment(options: ToolOptions): Record<string, string> {
  return {
    ...options.env,
    ...(options.denoDir === undefined ? {} : { DENO_DIR: options.denoDir }),
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    // A package.json above the functions must not change what a name resolves to.
    DENO_NO_PACKAGE_JSON: "1",
  };
}

async function readBounded(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  onOverflow: (() => void) | null,
): Promise<string | null> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size <= limit) chunks.push(new Uint8Array(chunk));
    else onOverflow?.();
  }
  if (size > limit && onOverflow !== null) return null;
  return await new Blob(chunks).text();
}

function shuttingDown(): AppError {
  return new AppError("SHUTTING_DOWN", "The server is shutting down");
}

function killQuietly(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** The error of a bundler that can't work for a reason outside the function. */
export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError("BUNDLER_UNAVAILABLE", message, { cause });
}
