// @ts-check
/**
 * Writes frames to the private socket, at either end of it.
 *
 * @module
 */
import { Frame, HEADER, INITIAL, KEEP } from "./frames.mjs";
import { encodeHead, HeadMaker } from "./heads.mjs";

/** @typedef {import("./frames.mjs").Connection} Connection */

/** Bytes waiting for the connection from which on bodies wait, too. */
const FULL = 1024 * 1024;
/** Bytes that one UTF-16 unit takes at most. */
const MAX_UTF8 = 3;
const encoder = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

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
