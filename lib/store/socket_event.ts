/**
 * Waiting for an event of a socket.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Resolves with the arguments of the next `event`; rejects if the stream ends before it. */
export function once<A extends unknown[]>(socket: Socket, event: string): Promise<A> {
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
