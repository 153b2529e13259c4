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
import { type KeySettings, readKeySettings } from "../keyring/key_settings.ts";
import { ENV_PREFIX, type EnvironmentSecrets, environmentSecrets } from "../resolve/precedence.ts";
import { choice, type Environment, hosts, integer, invalid, text } from "./env_values.ts";
import { SETTINGS } from "./settings_table.ts";

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
    functionsAllowNet: hosts(env, "FLUXBASE_FUNCTIONS_ALLOW_NET"),
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

function places(env: Environment, name: string): string[] {
  const items = text(env, name)?.split(",").map((item) => item.trim()) ?? [];
  if (items.every((item) => /^(?:@[a-z_]{1,63}|[A-Za-z0-9][\w.-]{0,62})!?$/.test(item))) {
    return items;
  }
  throw invalid(name, "must be namespaces, @global or sets such as @service_keys");
}
