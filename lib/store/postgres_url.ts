/**
 * Where a PostgreSQL server is and how to get in, read from a connection URL.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** How the connection is protected, after libpq's `sslmode`. */
export type SslMode = "disable" | "prefer" | "require" | "verify-full";

/** A parsed connection URL. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket, instead of host and port. */
  readonly path: string | null;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: SslMode;
}

const SSL_MODES: Readonly<Record<string, SslMode>> = {
  disable: "disable",
  allow: "prefer",
  prefer: "prefer",
  require: "require",
  "verify-ca": "verify-full",
  "verify-full": "verify-full",
};

/**
 * Parses `postgres://user:password@host:port/database?sslmode=…`.
 *
 * Without `sslmode`, loopback and unix sockets are plain and all others `prefer` TLS. A host that
 * begins with `/`, as `%2F` or in the parameter `host`, is the directory of a unix socket.
 *
 * @throws {AppError} CONFIG_INVALID with the rule; never echoes the URL.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parsePostgresUrl } from "./postgres_url.ts";
 *
 * const target = parsePostgresUrl("postgres://fluxbase@db.example:6432/app?sslmode=require");
 * assertEquals([target.host, target.port, target.database, target.ssl], [
 *   "db.example",
 *   6432,
 *   "app",
 *   "require",
 * ]);
 * ```
 */
export function parsePostgresUrl(text: string): Target {
  if (!URL.canParse(text)) throw invalid("must be a URL such as postgres://user@host:5432/name");
  const url = new URL(text);
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw invalid("must begin with postgres:// or postgresql://");
  }
  const user = decode(url.username);
  if (user === "") throw invalid("must name a user, as in postgres://user@host:5432/name");
  const port = Number(url.port || url.searchParams.get("port") || 5432);
  const place = url.searchParams.get("host") ?? decode(url.hostname);
  const path = place.startsWith("/") ? `${place}/.s.PGSQL.${port}` : null;
  const host = path === null ? place.replace(/^\[|\]$/g, "") : "";
  return {
    host,
    port,
    path,
    user,
    password: decode(url.password),
    database: decode(url.pathname.slice(1)) || user,
    ssl: path === null ? sslMode(url.searchParams.get("sslmode"), host) : "disable",
  };
}

function sslMode(text: string | null, host: string): SslMode {
  if (text === null) {
    return /^(127\.|localhost$|::1$)/.test(host) ? "disable" : "prefer";
  }
  const mode = SSL_MODES[text];
  if (mode === undefined) {
    throw invalid(`has an unknown sslmode; use one of ${Object.keys(SSL_MODES).join(", ")}`);
  }
  return mode;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("has a malformed % escape");
  }
}

function invalid(rule: string): AppError {
  return new AppError("CONFIG_INVALID", `DATABASE_URL ${rule}`);
}
