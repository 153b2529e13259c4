// @ts-check
/**
 * Bodies over frames: a stream fed by frames on one side, frames fed by a stream on the other, each
 * with credit so that neither side ever holds more than one window of a body.
 *
 * @module
 */
import { Frame, MAX_PART, WINDOW } from "./frames.mjs";

/** @typedef {import("./frame_writer.mjs").FrameWriter} FrameWriter */

/** The receiving end of a body: what the frames bring, as a `ReadableStream`. */
export class IncomingBody {
  /** @type {FrameWriter} */ #writer;
  /** @type {number} */ #id;
  /** @type {Uint8Array<ArrayBuffer>[]} */ #parts = [];
  /** Bytes in `#parts`. */
  #held = 0;
  #state = "open";
  /** @type {(() => void) | undefined} */ #wake;
  /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ stream;

  /**
   * @param {FrameWriter} writer
   * @param {number} id The stream's number.
   * @param {() => void} onCancel Called when the reader gives the body up.
   */
  constructor(writer, id, onCancel) {
    this.#writer = writer;
    this.#id = id;
    this.stream = new ReadableStream({
      pull: (controller) => this.#pull(controller),
      cancel: () => {
        if (this.#state === "open") onCancel();
        this.#state = "cancelled";
        this.#parts.length = 0;
      },
    }, { highWaterMark: 0 });
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} part A part that may be kept.
   * @throws {RangeError} When the other side sends more than it has credit for.
   */
  push(part) {
    if (this.#state !== "open" || part.length === 0) return;
    this.#held += part.length;
    if (this.#held > WINDOW) throw new RangeError("Cannot take a part: it is beyond the credit");
    this.#parts.push(part);
    this.#wake?.();
  }

  /** Ends the body: what has come is still read. */
  end() {
    if (this.#state === "open") this.#state = "ended";
    this.#wake?.();
  }

  /** Breaks the body: the reader gets an error, so a cut body is never taken for a whole one. */
  fail() {
    if (this.#state === "open") this.#state = "failed";
    this.#wake?.();
  }

  /** @param {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>} controller */
  async #pull(controller) {
    while (this.#parts.length === 0 && this.#state === "open") {
      await new Promise((resolve) => this.#wake = () => resolve(undefined));
    }
    this.#wake = undefined;
    const part = this.#parts.shift();
    if (part !== undefined && this.#state !== "failed") {
      this.#held -= part.length;
      controller.enqueue(part);
      this.#writer.credit(this.#id, part.length);
    } else if (this.#state === "ended") {
      controller.close();
    } else if (this.#state === "failed") {
      controller.error(new TypeError("The other side ended the body before it was complete"));
    }
  }
}

/** The sending end of a body: a reader's parts as DATA frames, within the receiver's credit. */
export class OutgoingBody {
  /** @type {FrameWriter} */ #writer;
  /** @type {number} */ #id;
  /** @type {ReadableStreamDefaultReader<Uint8Array>} */ #reader;
  #window = WINDOW;
  #stopped = false;
  /** @type {(() => void) | undefined} */ #wake;

  /**
   * @param {FrameWriter} writer @param {number} id
   * @param {ReadableStreamDefaultReader<Uint8Array>} reader
   */
  constructor(writer, id, reader) {
    this.#writer = writer;
    this.#id = id;
    this.#reader = reader;
  }

  /** @param {number} bytes What the receiver has taken. */
  credit(bytes) {
    this.#window += bytes;
    this.#wake?.();
  }

  /** The receiver wants no more: the source is cancelled. */
  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    this.#reader.cancel().catch(() => {});
  }

  /** Counts bytes that were sent in the head's frame. @param {number} bytes */
  spend(bytes) {
    this.#window -= bytes;
  }

  /**
   * Sends everything that the reader gives, then END; CANCEL when the source fails.
   * @param {Promise<ReadableStreamReadResult<Uint8Array>>} [first] A read already under way.
   * @returns {Promise<boolean>} Whether the body went out whole.
   */
  async send(first) {
    try {
      let result = await (first ?? this.#reader.read());
      while (!result.done && !this.#stopped) {
        await this.#sendPart(result.value);
        result = await this.#reader.read();
      }
      if (this.#stopped) return false;
      this.#writer.frame(Frame.END, this.#id);
      return true;
    } catch {
      if (!this.#stopped) this.#writer.frame(Frame.CANCEL, this.#id);
      return false;
    }
  }

  /** @param {Uint8Array} bytes */
  async #sendPart(bytes) {
    for (let at = 0; at < bytes.length && !this.#stopped;) {
      while (this.#window <= 0 && !this.#stopped) {
        await new Promise((resolve) => this.#wake = () => resolve(undefined));
      }
      // Who gives credit for what it has not read must not have a body queued here.
      if (this.#writer.full) await this.#writer.drained();
      if (this.#stopped) return;
      const part = bytes.subarray(at, at + Math.min(MAX_PART, this.#window));
      this.#window -= part.length;
      at += part.length;
      this.#writer.frame(Frame.DATA, this.#id, part);
    }
  }
}

/**
 * Starts reading a body and says what is there at once: a body made of text or bytes is complete
 * after a few microtasks, so it needs no stream on the other side.
 *
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @returns {Promise<{
 *   part: Uint8Array | undefined,
 *   next: Promise<ReadableStreamReadResult<Uint8Array>> | undefined,
 * }>} The part already there, and the read still under way; no `next` when the body is complete.
 */
export async function peekBody(reader) {
  const first = await settled(reader.read());
  if (first.result === undefined) return { part: undefined, next: first.promise };
  if (first.result.done) return { part: undefined, next: undefined };
  if (first.result.value.length > MAX_PART) {
    return { part: undefined, next: Promise.resolve(first.result) };
  }
  const second = await settled(reader.read());
  const complete = second.result?.done === true;
  return { part: first.result.value, next: complete ? undefined : second.promise };
}

/**
 * @param {Promise<ReadableStreamReadResult<Uint8Array>>} promise
 * @returns {Promise<{
 *   result: ReadableStreamReadResult<Uint8Array> | undefined,
 *   promise: Promise<ReadableStreamReadResult<Uint8Array>>,
 * }>}
 */
async function settled(promise) {
  /** @type {ReadableStreamReadResult<Uint8Array> | undefined} */
  let result;
  promise.then((value) => result = value, () => {});
  // A static body settles within two microtasks; a few more cost nothing measurable.
  for (let turn = 0; turn < 4 && result === undefined; turn++) await null;
  return { result, promise };
}
