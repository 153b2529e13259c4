/**
 * Every setting of the server by its name in the environment, as the README shows them.
 *
 * @module
 */

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
