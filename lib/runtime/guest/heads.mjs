// @ts-check
/**
 * Heads of frames: JSON before the first part of a body, as u32 length ‖ JSON ‖ body bytes.
 *
 * Most calls of a function have the same head as the call before, on both ends of the socket. So
 * each end keeps the last one that it made and the last one that it read.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NO_BYTES = new Uint8Array(0);

/** @param {Uint8Array} bytes @param {number} at */
export function readU32(bytes, at) {
  return ((/** @type {number} */ (bytes[at]) << 24) |
    (/** @type {number} */ (bytes[at + 1]) << 16) |
    (/** @type {number} */ (bytes[at + 2]) << 8) | /** @type {number} */ (bytes[at + 3])) >>> 0;
}

/**
 * Splits the payload of a head frame. The body is a copy, so it may be kept.
 * @param {Uint8Array} payload
 * @returns {{ head: any, body: Uint8Array<ArrayBuffer> }}
 */
export function readHead(payload) {
  const end = 4 + readU32(payload, 0);
  return { head: parseHead(payload, end), body: bodyFrom(payload, end) };
}

/** @param {unknown} head @returns {Uint8Array<ArrayBuffer>} JSON as UTF-8. */
export function encodeHead(head) {
  return encoder.encode(JSON.stringify(head));
}

/** A longer head is made and parsed anew each time, bytes. */
const MAX_KEPT_HEAD = 2048;

/**
 * Makes heads, and keeps the last one: most calls of a function have the same head as the call
 * before, and comparing it takes a third of making it.
 */
export class HeadMaker {
  /** @type {unknown} */ #head;
  #json = NO_BYTES;

  /** @param {unknown} head @returns {Uint8Array} JSON as UTF-8; never to be changed. */
  encode(head) {
    if (!isSame(head, this.#head)) {
      const json = encodeHead(head);
      if (json.length > MAX_KEPT_HEAD) return json;
      // A copy: what a call has read goes on changing.
      this.#head = copy(head);
      this.#json = json;
    }
    return this.#json;
  }
}

/** @param {unknown} a @param {unknown} b @returns {boolean} */
function isSame(a, b) {
  // An object may have changed since, and is never the same.
  if (!Array.isArray(a)) return a === b && typeof a !== "object";
  if (!Array.isArray(b) || a.length !== b.length) return false;
  // From behind, where heads differ if they do.
  for (let i = a.length - 1; i >= 0; i--) if (!isSame(a[i], b[i])) return false;
  return true;
}

/** @param {unknown} value @returns {unknown} */
function copy(value) {
  return Array.isArray(value) ? value.map(copy) : value;
}

/**
 * Splits payloads as {@linkcode readHead}, and keeps the last head: most calls of a function have
 * the same one as the call before, and comparing it takes a tenth of parsing it.
 */
export class HeadReader {
  #bytes = NO_BYTES;
  /** @type {any} */ #head;

  /**
   * @param {Uint8Array} payload
   * @returns {{ head: any, body: Uint8Array<ArrayBuffer> }} The head is shared: never change it.
   */
  read(payload) {
    const end = 4 + readU32(payload, 0);
    if (!startsWith(payload, this.#bytes, end)) {
      this.#head = parseHead(payload, end);
      this.#bytes = end <= MAX_KEPT_HEAD ? payload.slice(0, end) : NO_BYTES;
    }
    return { head: this.#head, body: bodyFrom(payload, end) };
  }
}

/** @param {Uint8Array} bytes @param {Uint8Array} start @param {number} length */
function startsWith(bytes, start, length) {
  if (start.length !== length) return false;
  // From behind, where heads differ if they do.
  for (let i = length - 1; i >= 4; i--) if (bytes[i] !== start[i]) return false;
  return true;
}

/** @param {Uint8Array} payload @param {number} end */
function parseHead(payload, end) {
  return JSON.parse(decoder.decode(payload.subarray(4, end)));
}

/** @param {Uint8Array} payload @param {number} at */
function bodyFrom(payload, at) {
  return at === payload.length ? NO_BYTES : payload.slice(at);
}
