/**
 * Opens the byte stream to a PostgreSQL server: TCP or a unix socket, with TLS where asked for.
 *
 * The driver is handed a stream that is ready, so that the time allowed for connecting, the rules
 * of TLS and the moment of its end are ours to see.
 *
 * @module
 */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Target } from "./postgres_url.ts";

/** Options of {@linkcode openSocket}. */
export interface SocketOptions {
  /** Milliseconds for all of it: name look-up, connection and TLS. */
  readonly timeoutMs: number;
}

/** PostgreSQL's SSLRequest: length 8, code 80877103 (protocol, section 54.2.11). */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
const ACCEPTED = "S".charCodeAt(0);
const KEEP_ALIVE_MS = 30_000;

/** Connects to `target`. @throws {Error} when it cannot be reached in time. */
export async function openSocket(target: Target, { timeoutMs }: SocketOptions): Promise<Socket> {
  const socket = target.path === null
    ? connect({ host: target.host, port: target.port })
    : connect({ path: target.path });
  const timer = setTimeout(() => socket.destroy(new Error("Connecting took too long")), timeoutMs);
  try {
    await once(socket, "connect");
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return target.ssl === "disable" ? socket : await secure(socket, target);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function secure(socket: Socket, target: Target): Promise<Socket> {
  socket.write(SSL_REQUEST);
  const [answer] = await once<[Uint8Array]>(socket, "data");
  if (answer[0] !== ACCEPTED) {
    if (target.ssl === "prefer") return socket;
    throw new Error("The server does not offer TLS");
  }
  // Bytes after the answer could only have been put there by somebody in between (CVE-2021-23222).
  if (answer.length !== 1) throw new Error("The server sent data before TLS was set up");
  const tls = connectTls({
    socket,
    ...(isIP(target.host) ? {} : { servername: target.host }),
    rejectUnauthorized: target.ssl === "verify-full",
  });
  await once(tls, "secureConnect");
  return tls;
}

/** Resolves with the arguments of the next `event`; rejects if the stream ends before it. */
function once<A extends unknown[]>(socket: Socket, event: string): Promise<A> {
  return new Promise((resolve, reject) => {
    socket.once(event, happened).once("error", failed).once("close", closed);
    function release() {
      socket.off(event, happened).off("error", failed).off("close", closed);
    }
    function happened(...values: unknown[]) {
      release();
      resolve(values as A);
    }
    function failed(error: Error) {
      release();
      reject(error);
    }
    function closed() {
      failed(new Error("The server closed the connection"));
    }
  });
}
