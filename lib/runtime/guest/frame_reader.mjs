// @ts-check
/**
 * Reads frames from the private socket, at either end of it.
 *
 * @module
 */
import { HEADER, INITIAL, KEEP, MAX_PAYLOAD } from "./frames.mjs";
import { readU32 } from "./heads.mjs";

/** @typedef {import("./frames.mjs").Connection} Connection */

/**
 * Reads frames until the connection ends. `payload` is only valid during the call.
 *
 * @param {Connection} connection
 * @param {(type: number, stream: number, payload: Uint8Array) => void} onFrame
 * @param {() => void} [onTurn] Called after all frames of one read.
 * @param {number} [maxPayload] A longer payload breaks the connection before it is read.
 * @returns {Promise<void>} Resolves at the end of the connection, rejects when it breaks.
 */
export async function readFrames(connection, onFrame, onTurn, maxPayload = MAX_PAYLOAD) {
  let buffer = new Uint8Array(4 * INITIAL);
  let start = 0;
  let end = 0;
  while (true) {
    const count = await connection.read(buffer.subarray(end));
    if (count === null) return;
    end += count;
    while (end - start >= HEADER) {
      const length = readU32(buffer, start);
      if (length > maxPayload) throw new RangeError("Cannot read a frame: payload is too long");
      const next = start + HEADER + length;
      if (next > end) break;
      onFrame(
        /** @type {number} */ (buffer[start + 4]),
        readU32(buffer, start + 5),
        buffer.subarray(start + HEADER, next),
      );
      start = next;
    }
    onTurn?.();
    if (start === end) {
      start = end = 0;
      if (buffer.length > KEEP) buffer = new Uint8Array(4 * INITIAL);
    } else {
      buffer = makeRoom(buffer, start, end);
      end -= start;
      start = 0;
    }
  }
}

/**
 * Moves an unfinished frame to the front, into a larger buffer when it doesn't fit.
 * @param {Uint8Array<ArrayBuffer>} buffer @param {number} start @param {number} end
 */
function makeRoom(buffer, start, end) {
  const need = end - start >= 4 ? HEADER + readU32(buffer, start) : HEADER;
  if (need <= buffer.length) {
    buffer.copyWithin(0, start, end);
    return buffer;
  }
  const grown = new Uint8Array(need + INITIAL);
  grown.set(buffer.subarray(start, end));
  return grown;
}
