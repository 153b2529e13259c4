/**
 * The server's configuration: environment variables, read once, checked, frozen.
 *
 * This is the only place of the server that reads the environment. Every unknown name with our
 * prefix and every malformed value is an error, so that a typo is never silently a default.
 *
 * @module
 */
import { DEFAULT_LIMITS } from "../auth/limits.ts";
import { type AuthSettings, readAuthSettings } from "../auth/settings.ts";
import { AppError } from "../errors.ts";
import { type KeySettings, readKeySettings } from "../keyring/key_settings.ts";
import { ENV_PREFIX, type EnvironmentSecrets, environmentSecrets } from "../resolve/precedence.ts";

/** The server's configuration. */
export interface Config {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly dataDir: string;
  readonly functionsDir: string;
  /** Null: the embedded database in the data directory. */
  readonly databaseUrl: string | null;
  /** Where root keys come from, and how long keys are used. */
  readonly keys: KeySettings;
  /** PEM file of certificate authorities that functions trust beside the usual ones. */
  readonly functionsCaFile: string | null;
  /** Hosts, `host:port` or CIDR ranges that functions may reach; null: every public address. */
  readonly functionsAllowNet: readonly string[] | null;
  readonly functionTimeoutMs: number;
  readonly functionMemoryMb: number;
  readonly functionMaxBodyBytes: number;
  readonly maxChildren: number;
  /** What this process does: serve the API, run jobs, or both. */
  readonly role: Role;
  readonly jobs: JobSettings;
  readonly logRetentionDays: number;
  /** How long records of the audit are kept, days. */
  readonly auditRetentionDays: number;
  /** Lines of the log that are kept at most, and as many records of runs. */
  readonly logMaxRows: number;
  /** Places that are accepted as they are, at the start; with `!` behind, damaged rows go. */
  readonly accept: readonly string[];
  /** How long deleted secrets can be restored. */
  readonly deletedRetentionDays: number;
  /** How many versions of a secret are kept, the current one among them; null: all. */
  readonly versionsKeep: number | null;
  /** How long a version is kept after it was replaced, in days; null: for ever. */
  readonly versionsKeepDays: number | null;
  readonly logFormat: "text" | "json";
  /** Who is let in: tokens, other issuers, limits. */
  readonly auth: AuthSettings;
  /** `FLUXBASE_SECRET_<NAME>` of the server's own environment; they win over stored ones. */
  readonly secrets: EnvironmentSecrets;
}

/** What a process does. */
export type Role = "all" | "api" | "worker";

/** How jobs are run. */
export interface JobSettings {
  readonly directory: string;
  /** Jobs that one process runs at once. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

type Environment = Readonly<Record<string, string>>;

/** One setting, as the README's table shows it. */
export interface Setting {
  readonly name: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** Every variable that the server understands. */
export const SETTINGS: readonly Setting[] = [
  { name: "FLUXBASE_HOST", fallback: "127.0.0.1", meaning: "Address to listen on" },
  { name: "FLUXBASE_PORT", fallback: "8080", meaning: "Port to listen on; 0 for any free one" },
  { name: "FLUXBASE_DATA_DIR", fallback: ".fluxbase", meaning: "Database, keys and caches" },
  { name: "FLUXBASE_FUNCTIONS_DIR", fallback: "functions", meaning: "Where functions are" },
  { name: "DATABASE_URL", fallback: "", meaning: "PostgreSQL; embedded database when unset" },
  { name: "FLUXBASE_DATABASE_URL", fallback: "", meaning: "The same, and wins over DATABASE_URL" },
  {
    name: "FLUXBASE_ENCRYPTION_KEY",
    fallback: "",
    meaning: "Root keys, comma-separated: the first seals, the others only open",
  },
  { name: "FLUXBASE_ENCRYPTION_KEY_FILE", fallback: "", meaning: "The same from a file" },
  {
    name: "FLUXBASE_ENCRYPTION_KEY_COMMAND",
    fallback: "",
    meaning: "The same from what a command prints",
  },
  { name: "FLUXBASE_TRANSIT_URL", fallback: "", meaning: "A Vault-compatible Transit as the root" },
  { name: "FLUXBASE_TRANSIT_KEY", fallback: "", meaning: "The key's name there" },
  { name: "FLUXBASE_TRANSIT_MOUNT", fallback: "transit", meaning: "The engine's path there" },
  { name: "FLUXBASE_TRANSIT_TOKEN_FILE", fallback: "", meaning: "Holds the token for it" },
  { name: "FLUXBASE_TRANSIT_NAMESPACE", fallback: "", meaning: "Namespace of Vault Enterprise" },
  {
    name: "FLUXBASE_TRANSIT_ROLE",
    fallback: "active",
    meaning: "active, or open when keys of the settings seal instead",
  },
  { name: "FLUXBASE_KEY_MAX_AGE_DAYS", fallback: "365", meaning: "Age of a key; 0 for any" },
  {
    name: "FLUXBASE_KEY_MAX_SEALS",
    fallback: "4294967296",
    meaning: "Values that a key may seal; 0 for any number",
  },
  { name: "FLUXBASE_JWT_SECRET", fallback: "", meaning: "Accepts HS256 tokens signed with it" },
  { name: "FLUXBASE_JWKS_URL", fallback: "", meaning: "Accepts tokens signed by keys at this URL" },
  { name: "FLUXBASE_JWKS_FILE", fallback: "", meaning: "The same from a file" },
  { name: "FLUXBASE_JWT_ISSUER", fallback: "", meaning: "Required iss of tokens" },
  { name: "FLUXBASE_JWT_AUDIENCE", fallback: "", meaning: "Required aud of tokens" },
  { name: "FLUXBASE_JWT_ROLES", fallback: "", meaning: "What roles of tokens may do, as JSON" },
  { name: "FLUXBASE_OIDC_FILE", fallback: "", meaning: "Issuers whose tokens are traded for keys" },
  {
    name: "FLUXBASE_RATE_LIMIT",
    fallback: "0",
    meaning: "Requests a second of one key; 0 for any",
  },
  {
    name: "FLUXBASE_AUTH_RATE_LIMIT",
    fallback: "20",
    meaning: "Failed attempts a second of one address; 0 for any",
  },
  {
    name: "FLUXBASE_AUTH_FAILURES",
    fallback: "10",
    meaning: "Failed attempts until an address or key is locked; 0 for never",
  },
  {
    name: "FLUXBASE_TRUSTED_PROXIES",
    fallback: "",
    meaning: "Addresses whose X-Forwarded-For is believed",
  },
  { name: "FLUXBASE_FUNCTIONS_ALLOW_NET", fallback: "", meaning: "Only these hosts for functions" },
  { name: "FLUXBASE_FUNCTIONS_CA_FILE", fallback: "", meaning: "More authorities for functions" },
  { name: "FLUXBASE_FUNCTION_TIMEOUT", fallback: "30", meaning: "Seconds until an answer" },
  { name: "FLUXBASE_FUNCTION_MEMORY_MB", fallback: "256", meaning: "Memory of a function" },
  { name: "FLUXBASE_FUNCTION_MAX_BODY_MB", fallback: "100", meaning: "Longest request body" },
  { name: "FLUXBASE_MAX_CHILDREN", fallback: "64", meaning: "Warm processes at once" },
  { name: "FLUXBASE_ROLE", fallback: "all", meaning: "all, api (runs no jobs) or worker" },
  { name: "FLUXBASE_JOBS_DIR", fallback: "jobs", meaning: "Where jobs are" },
  { name: "FLUXBASE_JOB_CONCURRENCY", fallback: "4", meaning: "Jobs that a process runs at once" },
  { name: "FLUXBASE_JOB_TIMEOUT", fallback: "300", meaning: "Seconds that a job may take" },
  { name: "FLUXBASE_JOB_MEMORY_MB", fallback: "256", meaning: "Memory of a job" },
  { name: "FLUXBASE_LOG_RETENTION_DAYS", fallback: "30", meaning: "Age of kept executions" },
  {
    name: "FLUXBASE_AUDIT_RETENTION_DAYS",
    fallback: "365",
    meaning: "Age of kept records of the audit",
  },
  {
    name: "FLUXBASE_LOG_MAX_ROWS",
    fallback: "5000000",
    meaning: "Most lines of the log, and most executions",
  },
  {
    name: "FLUXBASE_ACCEPT",
    fallback: "",
    meaning: "Accept these places as they are, once; see verify",
  },
  {
    name: "FLUXBASE_DELETED_RETENTION_DAYS",
    fallback: "30",
    meaning: "How long deleted secrets can be restored",
  },
  {
    name: "FLUXBASE_VERSIONS_KEEP",
    fallback: "0",
    meaning: "Versions kept of a secret; 0 for all",
  },
  {
    name: "FLUXBASE_VERSIONS_KEEP_DAYS",
    fallback: "0",
    meaning: "Days that a replaced version is kept; 0 for ever",
  },
  { name: "FLUXBASE_LOG_FORMAT", fallback: "text", meaning: "text, or json for one object a line" },
];

/** Understood by the command line, and harmless in the server's environment. */
const CLIENT_SETTINGS = [
  "FLUXBASE_SERVER",
  "FLUXBASE_TOKEN",
  "FLUXBASE_PROFILE",
  "FLUXBASE_CONFIG",
];

/**
 * Reads the configuration.
 *
 * @param env The process's environment.
 * @throws {AppError} CONFIG_INVALID naming the variable and the rule.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readConfig } from "./config.ts";
 *
 * assertEquals(readConfig({ FLUXBASE_PORT: "9000" }).port, 9000);
 * ```
 */
export function readConfig(env: Environment): Config {
  refuseUnknown(env);
  return Object.freeze({
    host: text(env, "FLUXBASE_HOST") ?? "127.0.0.1",
    port: integer(env, "FLUXBASE_PORT", 8080, 0, 65_535),
    dataDir: text(env, "FLUXBASE_DATA_DIR") ?? ".fluxbase",
    functionsDir: text(env, "FLUXBASE_FUNCTIONS_DIR") ?? "functions",
    databaseUrl: text(env, "FLUXBASE_DATABASE_URL") ?? text(env, "DATABASE_URL"),
    keys: keySettings(env),
    functionsCaFile: text(env, "FLUXBASE_FUNCTIONS_CA_FILE"),
    functionsAllowNet: list(env, "FLUXBASE_FUNCTIONS_ALLOW_NET"),
    functionTimeoutMs: integer(env, "FLUXBASE_FUNCTION_TIMEOUT", 30, 1, 3_600) * 1_000,
    functionMemoryMb: integer(env, "FLUXBASE_FUNCTION_MEMORY_MB", 256, 96, 65_536),
    functionMaxBodyBytes: integer(env, "FLUXBASE_FUNCTION_MAX_BODY_MB", 100, 1, 10_240) * 2 ** 20,
    maxChildren: integer(env, "FLUXBASE_MAX_CHILDREN", 64, 1, 10_000),
    role: role(env),
    jobs: {
      directory: text(env, "FLUXBASE_JOBS_DIR") ?? "jobs",
      concurrency: integer(env, "FLUXBASE_JOB_CONCURRENCY", 4, 1, 1_000),
      timeoutMs: integer(env, "FLUXBASE_JOB_TIMEOUT", 300, 1, 43_200) * 1_000,
      memoryMb: integer(env, "FLUXBASE_JOB_MEMORY_MB", 256, 96, 65_536),
    },
    logRetentionDays: integer(env, "FLUXBASE_LOG_RETENTION_DAYS", 30, 1, 3_650),
    auditRetentionDays: integer(env, "FLUXBASE_AUDIT_RETENTION_DAYS", 365, 1, 36_500),
    logMaxRows: integer(env, "FLUXBASE_LOG_MAX_ROWS", 5_000_000, 1_000, 1_000_000_000),
    accept: places(env, "FLUXBASE_ACCEPT"),
    deletedRetentionDays: integer(env, "FLUXBASE_DELETED_RETENTION_DAYS", 30, 1, 3_650),
    versionsKeep: integer(env, "FLUXBASE_VERSIONS_KEEP", 0, 0, 1_000_000) || null,
    versionsKeepDays: integer(env, "FLUXBASE_VERSIONS_KEEP_DAYS", 0, 0, 36_500) || null,
    logFormat: choice(env, "FLUXBASE_LOG_FORMAT", ["text", "json"]),
    auth: authSettings(env),
    secrets: environmentSecrets(env),
  });
}

function keySettings(env: Environment): KeySettings {
  return readKeySettings({
    keys: text(env, "FLUXBASE_ENCRYPTION_KEY"),
    file: text(env, "FLUXBASE_ENCRYPTION_KEY_FILE"),
    command: text(env, "FLUXBASE_ENCRYPTION_KEY_COMMAND"),
    transitUrl: text(env, "FLUXBASE_TRANSIT_URL"),
    transitKey: text(env, "FLUXBASE_TRANSIT_KEY"),
    transitMount: text(env, "FLUXBASE_TRANSIT_MOUNT"),
    transitTokenFile: text(env, "FLUXBASE_TRANSIT_TOKEN_FILE"),
    transitNamespace: text(env, "FLUXBASE_TRANSIT_NAMESPACE"),
    transitRole: text(env, "FLUXBASE_TRANSIT_ROLE"),
    maxAgeDays: text(env, "FLUXBASE_KEY_MAX_AGE_DAYS"),
    maxSeals: text(env, "FLUXBASE_KEY_MAX_SEALS"),
  });
}

function authSettings(env: Environment): AuthSettings {
  const limit = (name: string, fallback: number) => integer(env, name, fallback, 0, 1_000_000);
  return readAuthSettings({
    jwtSecret: text(env, "FLUXBASE_JWT_SECRET"),
    jwksUrl: text(env, "FLUXBASE_JWKS_URL"),
    jwksFile: text(env, "FLUXBASE_JWKS_FILE"),
    jwtIssuer: text(env, "FLUXBASE_JWT_ISSUER"),
    jwtAudience: text(env, "FLUXBASE_JWT_AUDIENCE"),
    jwtRoles: text(env, "FLUXBASE_JWT_ROLES"),
    oidcFile: text(env, "FLUXBASE_OIDC_FILE"),
    trustedProxies: text(env, "FLUXBASE_TRUSTED_PROXIES"),
  }, {
    perKey: limit("FLUXBASE_RATE_LIMIT", DEFAULT_LIMITS.perKey),
    perAddress: limit("FLUXBASE_AUTH_RATE_LIMIT", DEFAULT_LIMITS.perAddress),
    failures: limit("FLUXBASE_AUTH_FAILURES", DEFAULT_LIMITS.failures),
  });
}

/** The embedded database has one process at a time, so that one has to do everything. */
function role(env: Environment): Role {
  const given = choice(env, "FLUXBASE_ROLE", ["all", "api", "worker"]);
  const isShared = text(env, "FLUXBASE_DATABASE_URL") ?? text(env, "DATABASE_URL");
  if (given === "all" || isShared !== null) return given;
  throw invalid("FLUXBASE_ROLE", `can be ${given} only with DATABASE_URL set`);
}

function refuseUnknown(env: Environment): void {
  const known = new Set([...SETTINGS.map(({ name }) => name), ...CLIENT_SETTINGS]);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("FLUXBASE_") || name.startsWith(ENV_PREFIX) || known.has(name)) continue;
    throw invalid(name, "is not a setting of this server; see the README's table");
  }
}

/** A value that is empty counts as not set, as an unset variable in a compose file is. */
function text(env: Environment, name: string): string | null {
  return env[name]?.trim() || null;
}

function list(env: Environment, name: string): string[] | null {
  const items = text(env, name)?.split(",").map((item) => item.trim()) ?? null;
  if (items?.some((item) => !/^[\w.:*[\]/-]+$/.test(item))) {
    throw invalid(name, "must be hosts, host:port or CIDR ranges, comma-separated");
  }
  return items;
}

function places(env: Environment, name: string): string[] {
  const items = text(env, name)?.split(",").map((item) => item.trim()) ?? [];
  if (items.every((item) => /^(?:@[a-z_]{1,63}|[A-Za-z0-9][\w.-]{0,62})!?$/.test(item))) {
    return items;
  }
  throw invalid(name, "must be namespaces, @global or sets such as @service_keys");
}

function integer(env: Environment, name: string, fallback: number, min: number, max: number) {
  const given = text(env, name);
  if (given === null) return fallback;
  const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (value >= min && value <= max) return value;
  throw invalid(name, `must be a whole number from ${min} to ${max}`);
}

function choice<const T extends string>(env: Environment, name: string, choices: readonly T[]): T {
  const given = text(env, name) ?? choices[0];
  const found = choices.find((value) => value === given);
  if (found === undefined) throw invalid(name, `must be one of: ${choices.join(", ")}`);
  return found;
}

function invalid(name: string, rule: string): AppError {
  return new AppError("CONFIG_INVALID", `${name} ${rule}`);
}
