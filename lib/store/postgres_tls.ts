/**
 * Puts TLS on a connection to a PostgreSQL server, and sees to whom it leads.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { chainFault } from "./postgres_certificate.ts";
import { readRootCert } from "./postgres_root_cert.ts";
import type { Target } from "./postgres_url.ts";
import { once } from "./socket_event.ts";

/** TLS that could not be had. The message is for people. */
export class TlsError extends Error {
  override readonly name = "TlsError";
  readonly code: string | undefined;

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.code = (cause as { code?: string } | undefined)?.code;
  }
}

/** PostgreSQL's SSLRequest: length 8, code 80877103 (protocol, section 54.2.11). */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
const ACCEPTED = "S".charCodeAt(0);
const REFUSED = "N".charCodeAt(0);

/** What to do about what `node:tls` reports. */
const REPORTS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    "is not for the host that DATABASE_URL names; connect by a name that stands in it",
  CERT_HAS_EXPIRED: "has expired; renew it",
  CERT_NOT_YET_VALID: "is not valid yet; check the clocks",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "is signed by itself and not trusted; name the file that holds it as sslrootcert",
};
const UNTRUSTED =
  "is of no authority that is trusted here; name the authority's file as sslrootcert";
const FAULTS = {
  version: "is of X.509 version 1, which cannot be verified; make one with a subjectAltName",
  chain: UNTRUSTED,
};

/**
 * Asks the server for TLS as `target` demands it; the same socket where `prefer` goes without.
 *
 * @throws {TlsError} when it can't be had, or the server is not who it should be.
 */
export async function secure(socket: Socket, target: Target): Promise<Socket> {
  const answered = once<[Uint8Array]>(socket, "data");
  socket.write(SSL_REQUEST);
  const [answer] = await answered;
  if (answer[0] === REFUSED && target.ssl === "prefer") return socket;
  if (answer[0] === REFUSED) {
    throw new TlsError(
      "The database's server offers no TLS, and sslmode asks for it; set ssl=on there",
    );
  }
  if (answer[0] !== ACCEPTED) {
    throw new TlsError("The database's server does not answer a request for TLS");
  }
  // Bytes after the answer could only have been put there by somebody in between (CVE-2021-23222).
  if (answer.length !== 1) throw new TlsError("The server sent data before TLS was set up");
  if (target.rootCert !== null) return await verify(socket, target, target.rootCert);
  return await handshake(socket, target, { rejectUnauthorized: false });
}

async function verify(socket: Socket, target: Target, file: string): Promise<TLSSocket> {
  // Read for each connection, so that a file that is changed is followed without a restart.
  const pems = await rootCert(file);
  const tls = await handshake(socket, target, {
    rejectUnauthorized: true,
    ca: pems,
    ...(target.ssl === "verify-ca" && { checkServerIdentity: () => undefined }),
  });
  const fault = chainFault(tls, pems.map((pem) => new X509Certificate(pem)));
  if (fault === null) return tls;
  tls.destroy();
  throw new TlsError(`The database's certificate ${FAULTS[fault]}`);
}

function rootCert(path: string): Promise<string[]> {
  return readRootCert(path).catch((cause) => {
    throw new TlsError(`The file that DATABASE_URL names as sslrootcert ${cause.message}`, cause);
  });
}

async function handshake(
  socket: Socket,
  { host }: Target,
  options: ConnectionOptions,
): Promise<TLSSocket> {
  // Without a host, an address would be verified as if it were `localhost`.
  const name = isIP(host) ? { host } : { host, servername: host };
  const tls = connect({ socket, ...name, ...options });
  await once(tls, "secureConnect").catch((cause) => {
    throw explained(cause);
  });
  return tls;
}

function explained(cause: Error & { code?: string }): Error {
  const { code = "" } = cause;
  if (code in REPORTS) return new TlsError(`The database's certificate ${REPORTS[code]}`, cause);
  if (/^(UNABLE_TO|SELF_SIGNED)_/.test(code)) {
    return new TlsError(`The database's certificate ${UNTRUSTED}`, cause);
  }
  return new TlsError("TLS with the database's server could not be set up", cause);
}
