/**
 * What a connection URL asks for in the way of TLS, in libpq's words.
 *
 * @module
 */

/** How the connection is protected, after libpq's `sslmode`. */
export type SslMode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

/** A mode, and whom to trust in it. */
export interface TlsDemand {
  readonly ssl: SslMode;
  /** PEM file of the authorities that are trusted; null where nothing is verified. */
  readonly rootCert: string | null;
}

/** `allow` would begin without TLS; to begin with it is as good for who doesn't mind. */
const MODES: Readonly<Record<string, SslMode>> = {
  disable: "disable",
  allow: "prefer",
  prefer: "prefer",
  require: "require",
  "verify-ca": "verify-ca",
  "verify-full": "verify-full",
};
/** libpq's word for the authorities that the system trusts; Deno lists them only to who may all. */
const SYSTEM = "system";
const NAME_FILE = "name the authority's file as sslrootcert=FILE, for a public one that of the " +
  "system, such as /etc/ssl/certs/ca-certificates.crt";

/**
 * Reads `sslmode` and `sslrootcert` (PostgreSQL manual, section 32.1.2), and JDBC's `ssl=true`.
 *
 * @param invalid Makes the error for a rule that is broken.
 */
export function tlsDemand(
  parameters: ReadonlyMap<string, string>,
  invalid: (rule: string) => Error,
): TlsDemand {
  const file = parameters.get("sslrootcert") || null;
  const text = parameters.get("sslmode") ?? (parameters.has("ssl") ? "require" : "prefer");
  const mode = Object.hasOwn(MODES, text) ? MODES[text]! : undefined;
  if (mode === undefined) {
    throw invalid(`has an unknown sslmode; use one of ${Object.keys(MODES).join(", ")}`);
  }
  if (file === SYSTEM) throw invalid(`can't have sslrootcert=system; ${NAME_FILE}`);
  if (file === null) {
    if (mode !== "verify-ca" && mode !== "verify-full") return { ssl: mode, rootCert: null };
    throw invalid(`must say with sslmode=${mode} whom to trust; ${NAME_FILE}`);
  }
  if (mode === "disable" || mode === "prefer") {
    throw invalid("names an sslrootcert, which needs sslmode require, verify-ca or verify-full");
  }
  return { ssl: mode === "require" ? "verify-ca" : mode, rootCert: file };
}
