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

/** Bytes of a frame before its payload. */
export const HEADER = 9;
/** Bytes of a buffer to begin with. */
export const INITIAL = 64 * 1024;
/** Bytes of a buffer that is kept for what comes next. */
export const KEEP = 1024 * 1024;

/**
 * @typedef {{
 *   read(into: Uint8Array): Promise<number | null>,
 *   write(bytes: Uint8Array): Promise<number>,
 * }} Connection
 */
