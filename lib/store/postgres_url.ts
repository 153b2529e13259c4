/**
 * Where a PostgreSQL server is and how to get in, read from a connection URL.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { readParameters } from "./postgres_parameters.ts";
import { type SslMode, tlsDemand } from "./postgres_ssl_mode.ts";

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
  /** PEM file of the authorities that are trusted; null where nothing is verified. */
  readonly rootCert: string | null;
}

/**
 * Parses `postgres://user:password@host:port/database?sslmode=…`.
 *
 * `sslmode` and `sslrootcert` mean what they mean to libpq; without them TLS is preferred. A host
 * that begins with `/`, as `%2F` or in the parameter `host`, is the directory of a unix socket,
 * where there is no TLS.
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
  const parameters = readParameters(url.search, invalid);
  const port = Number(url.port || parameters.get("port") || 5432);
  const place = parameters.get("host") ?? decode(url.hostname);
  const path = place.startsWith("/") ? `${place}/.s.PGSQL.${port}` : null;
  const host = path === null ? place.replace(/^\[|\]$/g, "") : "";
  const demand = tlsDemand(parameters, invalid);
  return {
    host,
    port,
    path,
    user,
    password: decode(url.password),
    database: decode(url.pathname.slice(1)) || user,
    ...(path === null ? demand : PLAIN),
  };
}

const PLAIN = { ssl: "disable", rootCert: null } as const;

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
