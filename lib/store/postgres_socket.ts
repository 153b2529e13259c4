/**
 * Opens the byte stream to a PostgreSQL server: TCP or a unix socket, with TLS where asked for.
 *
 * The driver is handed a stream that is ready, so that the time allowed for connecting, the rules
 * of TLS and the moment of its end are ours to see.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { secure } from "./postgres_tls.ts";
import type { Target } from "./postgres_url.ts";
import { once } from "./socket_event.ts";

/** Options of {@linkcode openSocket}. */
export interface SocketOptions {
  /** Milliseconds for all of it: name look-up, connection and TLS. */
  readonly timeoutMs: number;
}

const KEEP_ALIVE_MS = 30_000;

/**
 * Connects to `target`.
 *
 * @throws {TlsError} when TLS is demanded and can't be had; {Error} when the server cannot be
 * reached in time.
 */
export async function openSocket(target: Target, { timeoutMs }: SocketOptions): Promise<Socket> {
  const socket = target.path === null
    ? connect({ host: target.host, port: target.port })
    : connect({ path: target.path });
  const timer = setTimeout(() => socket.destroy(new Error("Connecting took too long")), timeoutMs);
  try {
    await once(socket, "connect");
    // Under TLS an error of this socket may come after that of the one above it.
    socket.on("error", () => {});
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
