// @ts-check
/**
 * Frames on the private socket between the server and one child.
 *
 * A frame is: payload length (u32, big endian) ‖ type (u8) ‖ stream (u32) ‖ payload.
 * Streams are calls; stream 0 is the child itself. This file and the bootstrap are the guest's side
 * of the wall and import nothing from outside this folder.
 *
 * @module
 */
import { encodeHead, HeadMaker, readU32 } from "./heads.mjs";

/** Frame types. A head is u32 length ‖ JSON ‖ body bytes. */
export const Frame = Object.freeze({
  /** server → child: code, environment and settings of the log marks. JSON. */
  ACTIVATE: 1,
  /** child → server: the code is loaded and has a handler. */
  READY: 2,
  /** child → server: the code can't be loaded. JSON `{reason, message}`. */
  REJECT: 3,
  /** server → child: head `[method, url, headers, more, settings?]` and the first part of the body;
   * `settings` is the number of those of the caller, if they have any. */
  REQUEST: 4,
  /** child → server: head `[status, headers, more, reads?]` and the first part of the body; `reads`
   * as in READS. */
  RESPONSE: 5,
  /** both: a part of a body. */
  DATA: 6,
  /** both: the body is complete. */
  END: 7,
  /** both: the sender has given this stream up. Payload: empty. */
  CANCEL: 8,
  /** both: the receiver has taken this many bytes (u32). */
  CREDIT: 9,
  /** server → child, and back as PONG: the child's event loop turns. */
  PING: 10,
  PONG: 11,
  /** child → server: the handler threw before there was a response. Details are in the log. */
  FAILED: 12,
  /** server → child: head `[number, values]`: a user's settings, which requests name by that number;
   * `null` for values: no further request will. */
  SETTINGS: 13,
  /** child → server: head `words`: which values the call has read, 0 for the child itself outside of
   * any call, one bit for each; see `reads.mjs`. */
  READS: 14,
});

/** Bytes of one direction of a stream that may be under way without the receiver's credit. */
export const WINDOW = 256 * 1024;
/** The largest part of a body in one frame. */
export const MAX_PART = 64 * 1024;
/** The largest payload that a reader takes; activation carries code and values. */
export const MAX_PAYLOAD = 256 * 1024 * 1024;

const HEADER = 9;
const INITIAL = 64 * 1024;
const KEEP = 1024 * 1024;
/** Bytes waiting for the connection from which on bodies wait, too. */
const FULL = 1024 * 1024;
/** Bytes that one UTF-16 unit takes at most. */
const MAX_UTF8 = 3;
const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/**
 * @typedef {{
 *   read(into: Uint8Array): Promise<number | null>,
 *   write(bytes: Uint8Array): Promise<number>,
 * }} Connection
 */

/**
 * Collects frames and writes them together: all frames of one turn of the event loop, and all that
 * come while a write is under way, go out in one system call.
 */
export class FrameWriter {
  /** @type {Connection} */ #connection;
  /** @type {(error: unknown) => void} */ #onError;
  /** @type {(drain: () => void) => void} */ #schedule;
  #heads = new HeadMaker();
  #buffer = new Uint8Array(INITIAL);
  #spare = new Uint8Array(INITIAL);
  #length = 0;
  #draining = false;
  #broken = false;
  /** @type {(() => void)[]} Those who wait until the connection has taken what is queued. */
  #waiting = [];

  /**
   * @param {Connection} connection
   * @param {(error: unknown) => void} onError Called once when the connection breaks.
   * @param {(drain: () => void) => void} [schedule] Says when what is queued goes out: the longer
   * it waits, the more frames share a system call.
   */
  constructor(connection, onError, schedule = queueMicrotask) {
    this.#connection = connection;
    this.#onError = onError;
    this.#schedule = schedule;
  }

  /**
   * Queues a frame.
   * @param {number} type @param {number} stream @param {Uint8Array} [payload]
   */
  frame(type, stream, payload = NO_BYTES) {
    const at = this.#reserve(HEADER + payload.length);
    this.#header(at, payload.length, type, stream);
    this.#buffer.set(payload, at + HEADER);
    this.#commit(at + HEADER + payload.length);
  }

  /**
   * Queues a frame whose payload is a JSON head and the first part of a body.
   * @param {number} type @param {number} stream @param {unknown} head
   * @param {Uint8Array | string} [body] Text goes as UTF-8.
   */
  head(type, stream, head, body = NO_BYTES) {
    // Other heads have values in them, and aren't made twice.
    const json = type === Frame.REQUEST || type === Frame.RESPONSE
      ? this.#heads.encode(head)
      : encodeHead(head);
    const at = this.#reserve(HEADER + 4 + json.length + body.length * MAX_UTF8);
    const start = at + HEADER + 4;
    const bodyAt = start + json.length;
    this.#u32(at + HEADER, json.length);
    this.#buffer.set(json, start);
    const end = bodyAt + this.#put(body, bodyAt);
    this.#header(at, end - at - HEADER, type, stream);
    this.#commit(end);
  }

  /** @param {Uint8Array | string} content @param {number} at @returns {number} Bytes written. */
  #put(content, at) {
    if (content.length === 0) return 0;
    if (typeof content === "string") {
      return encoder.encodeInto(content, this.#buffer.subarray(at)).written;
    }
    this.#buffer.set(content, at);
    return content.length;
  }

  /** Whether the connection takes less than is written, so that bodies should wait. */
  get full() {
    return this.#length > FULL;
  }

  /** @returns {Promise<void>} Resolves when what is queued is on its way, or will never be. */
  drained() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release() {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** @param {number} stream @param {number} bytes */
  credit(stream, bytes) {
    const at = this.#reserve(HEADER + 4);
    this.#header(at, 4, Frame.CREDIT, stream);
    this.#u32(at + HEADER, bytes);
    this.#commit(at + HEADER + 4);
  }

  /** @param {number} size @returns {number} where the frame begins */
  #reserve(size) {
    const need = this.#length + size;
    if (need > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(need, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    return this.#length;
  }

  /** @param {number} at @param {number} value */
  #u32(at, value) {
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }

  /** @param {number} at @param {number} length @param {number} type @param {number} stream */
  #header(at, length, type, stream) {
    this.#u32(at, length);
    this.#buffer[at + 4] = type;
    this.#u32(at + 5, stream);
  }

  /** @param {number} end */
  #commit(end) {
    if (this.#broken) return;
    this.#length = end;
    if (this.#draining) return;
    this.#draining = true;
    const schedule = this.#schedule;
    schedule(this.#drain);
  }

  #drain = async () => {
    try {
      while (this.#length > 0) {
        const full = this.#buffer;
        const length = this.#length;
        this.#buffer = this.#spare;
        this.#length = 0;
        if (this.#waiting.length > 0) this.#release();
        let done = 0;
        while (done < length) {
          done += await this.#connection.write(full.subarray(done, length));
        }
        this.#spare = full.length > KEEP ? new Uint8Array(INITIAL) : full;
      }
      this.#draining = false;
    } catch (error) {
      this.#broken = true;
      this.#length = 0;
      this.#release();
      this.#onError(error);
    }
  };
}

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
