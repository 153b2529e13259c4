/**
 * The parameters of a connection URL: which there are, and which may not be passed over.
 *
 * A parameter that is passed over can leave a connection less protected than was asked for, so one
 * that isn't known is refused, as libpq does.
 *
 * @module
 */

/** Parameters that are followed. */
const FOLLOWED = ["host", "port", "ssl", "sslmode", "sslrootcert"];

/** Parameters of libpq that change neither where the connection leads nor how it is protected. */
const PASSED_OVER = [
  "application_name",
  "client_encoding",
  "connect_timeout",
  "fallback_application_name",
  "keepalives",
  "keepalives_count",
  "keepalives_idle",
  "keepalives_interval",
  "load_balance_hosts",
  "options",
  "target_session_attrs",
  "tcp_user_timeout",
];

/** Parameters that are not followed, with the values that ask for nothing that isn't done. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  channel_binding: ["disable", "prefer"],
  gssencmode: ["disable", "prefer"],
  ssl: ["true"],
  ssl_min_protocol_version: ["TLSv1", "TLSv1.1", "TLSv1.2"],
  sslcertmode: ["disable", "allow"],
  sslcompression: ["0"],
  sslnegotiation: ["postgres"],
  sslsni: ["1"],
};

const KNOWN = new Set([...FOLLOWED, ...PASSED_OVER, ...Object.keys(ONLY)]);

/**
 * Reads the part of a URL behind its question mark.
 *
 * @param invalid Makes the error for a rule that is broken.
 */
export function readParameters(
  search: string,
  invalid: (rule: string) => Error,
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  // A plus sign is itself here, and not a space as in forms.
  for (const [name, value] of new URLSearchParams(search.replaceAll("+", "%2B"))) {
    // Of an unknown one nothing is told: behind a slip it may be part of a password.
    if (!KNOWN.has(name)) {
      throw invalid(`has a parameter that is not supported; known are ${FOLLOWED.join(", ")}`);
    }
    if (parameters.has(name)) throw invalid(`has the parameter ${name} twice`);
    const values = ONLY[name];
    if (values !== undefined && !values.includes(value)) {
      throw invalid(`can have ${name} only as ${values.join(" or ")}; leave it out`);
    }
    parameters.set(name, value);
  }
  return parameters;
}
