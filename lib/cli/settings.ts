/**
 * Which server a command speaks to, and how it prints: flags first, then the environment.
 *
 * @module
 */
import { usageError } from "./failure.ts";
import { NO_PROFILE, type ProfileChoice } from "./profile_choice.ts";
import type { Profile } from "./profiles.ts";
import type { Flags } from "./table.ts";

/** What the environment holds, such as `Deno.env.get`. */
export type Environment = (name: string) => string | undefined;

/** What every command needs to know before it connects. */
export interface Settings {
  /** Without a slash at the end. */
  readonly server: string;
  /** Whether the server is this machine. */
  readonly loopback: boolean;
  /** Whether a key may go over plain http to another machine. */
  readonly insecure: boolean;
  /** How data is printed. */
  readonly format: Format;
  /** Whether tables have a heading. */
  readonly headers: boolean;
  /** Whether requests are told on stderr. */
  readonly debug: boolean;
  /** The path of `--token-file`, as typed. */
  readonly tokenFile: string | undefined;
  /** The profile that was chosen or is the current one; `null` when there is none. */
  readonly profile: Profile | null;
  /** The name that `--profile` or FLUXBASE_PROFILE gives, whether there is such a profile or not. */
  readonly profileName: string | null;
  /** The file of profiles. */
  readonly configPath: string;
  /** Reads one environment variable. */
  readonly environment: Environment;
  /** Makes a path that was typed absolute. */
  resolvePath(path: string): string;
  /** Where the data directory may be. */
  readonly dataDirs: readonly string[];
}

/** How data is printed. */
export type Format = "table" | "json" | "yaml";

/** Where the command was started. */
export interface Place {
  /** Reads one environment variable. */
  readonly environment: Environment;
  /** The working directory. */
  readonly cwd: string;
  /** The project's directory, where `deno task` runs everything. */
  readonly root: string;
}

/**
 * Reads flags and environment.
 *
 * @throws {CliError} Exit 2 when one of them is malformed.
 */
export function readSettings(
  flags: Flags,
  place: Place,
  choice: ProfileChoice = NO_PROFILE,
): Settings {
  const { cwd, root } = place;
  // A variable that is empty counts as not set, as the server has it.
  const environment: Environment = (name) => place.environment(name) || undefined;
  const url = parseServer(findServer(flags, environment, choice));
  // `deno task` changes into the project; INIT_CWD is where the person was.
  const typedFrom = cwd === root ? environment("INIT_CWD") ?? cwd : cwd;
  const dataDir = environment("FLUXBASE_DATA_DIR") ?? ".fluxbase";
  return {
    server: url.href.replace(/\/+$/, ""),
    loopback: isLoopback(url.hostname),
    insecure: flags.on("insecure"),
    format: parseFormat(flags.text("output") ?? "table"),
    headers: !flags.on("no-headers"),
    debug: flags.on("debug"),
    tokenFile: flags.text("token-file"),
    ...choice,
    environment,
    resolvePath: (path) => join(typedFrom, path),
    dataDirs: [...new Set([join(cwd, dataDir), join(root, dataDir)])],
  };
}

/**
 * What names the server most closely comes first. HOST and PORT name the one on this machine, so a
 * profile that is merely the current one doesn't lead a command meant for it elsewhere.
 */
function findServer(flags: Flags, environment: Environment, { profile }: ProfileChoice): string {
  const chosen = flags.text("profile") === undefined ? undefined : profile?.server;
  const here = environment("FLUXBASE_HOST") ?? environment("FLUXBASE_PORT");
  return flags.text("server") ?? chosen ?? environment("FLUXBASE_SERVER") ??
    (here === undefined ? profile?.server : undefined) ?? local(environment);
}

/** The server on this machine, as the same environment would start it. */
function local(environment: Environment): string {
  const host = environment("FLUXBASE_HOST") ?? "127.0.0.1";
  const port = environment("FLUXBASE_PORT") ?? "8080";
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host.replace(/^\[?::\]?$/, "::1");
  const bracketed = reachable.includes(":") && !reachable.startsWith("[")
    ? `[${reachable}]`
    : reachable;
  return `http://${bracketed}:${port}`;
}

function parseServer(text: string): URL {
  const rule = "The server is a URL such as https://secrets.example.com";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw usageError(rule);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw usageError(`${rule}, without user, query or fragment`);
  }
  return url;
}

/** Whether a host of a URL is this machine (RFC 5735 §4, RFC 4291 §2.5.3, RFC 6761 §6.3). */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function parseFormat(text: string): Format {
  const format = text.toLowerCase();
  if (format === "table" || format === "json" || format === "yaml") return format;
  if (format === "yml") return "yaml";
  throw usageError("Invalid output format (valid: table, json, yaml)");
}

function join(base: string, path: string): string {
  const absolute = /^(?:[\\/]|[A-Za-z]:[\\/])/.test(path);
  return absolute ? path : `${base}/${path}`;
}
