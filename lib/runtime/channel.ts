/**
 * Calls over one child's socket: many at once, each with its own stream of frames.
 *
 * A request is written once and never again, whatever happens to the child.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import {
  type Call,
  CallStream,
  type OnEnd,
  type RequestBody,
  type RequestHead,
} from "./call_stream.ts";
import { CallTable } from "./guest/call_table.mjs";
import { Frame } from "./guest/frames.mjs";
import { readFrames } from "./guest/frame_reader.mjs";
import { FrameWriter } from "./guest/frame_writer.mjs";
import { HeadReader, readHead } from "./guest/heads.mjs";

/** What a channel tells its owner. */
export interface ChannelEvents {
  onReady(): void;
  onReject(reason: "no-handler" | "throws"): void;
  onPong(): void;
  /** The child's code has read values outside of any call. */
  onReads(told: unknown): void;
  /** The connection is gone; all calls have been ended as "lost". */
  onClosed(): void;
}

/**
 * The largest payload that a child may send, bytes: a response's head with the first part of its
 * body. User code can write to the socket, so what comes from it costs the server no more than this.
 */
const MAX_CHILD_PAYLOAD = 1024 * 1024;

/** The server's end of one child's socket. */
export class Channel {
  readonly #connection: Deno.Conn;
  readonly #writer: FrameWriter;
  readonly #events: ChannelEvents;
  readonly #heads = new HeadReader();
  readonly #streams = new CallTable<CallStream>();
  /** Streams whose frames of the current read are still being collected. */
  readonly #touched: CallStream[] = [];
  #nextId = 1;
  #closed = false;

  constructor(connection: Deno.Conn, events: ChannelEvents) {
    this.#connection = connection;
    this.#events = events;
    this.#writer = new FrameWriter(connection, () => this.close(), this.#schedule);
    readFrames(connection, this.#onFrame, this.#onTurn, MAX_CHILD_PAYLOAD)
      .catch(() => {
        // It broke, or the child doesn't keep to the protocol: either way it has ended.
      })
      .finally(() => this.close());
  }

  /** Whether a call can be sent. */
  get open(): boolean {
    return !this.#closed;
  }

  /** Hands the child its code and values. Once only. */
  activate(activation: Readonly<Record<string, unknown>>): void {
    this.#writer.head(Frame.ACTIVATE, 0, activation);
  }

  /** Hands the child the settings of a user, to be named by `number`; `null` takes them back. */
  giveSettings(number: number, values: Readonly<Record<string, string>> | null): void {
    this.#writer.head(Frame.SETTINGS, 0, [number, values]);
  }

  /** Asks the child whether its event loop turns. */
  ping(): void {
    this.#writer.frame(Frame.PING, 0);
  }

  /** The number that the next call will have; log marks carry it. */
  get nextId(): number {
    return this.#nextId;
  }

  /**
   * Sends a request and returns the call.
   *
   * @param onEnd Called once, when the response's body has ended or the call has failed.
   */
  call(head: RequestHead, body: RequestBody, onEnd: OnEnd): Call {
    const id = this.#nextId++;
    const stream = new CallStream(id, this.#writer, (end, reads) => {
      this.#streams.delete(id);
      onEnd(end, reads);
    });
    if (this.#closed) {
      stream.finish("lost");
      return stream;
    }
    this.#streams.add(id, stream);
    stream.send(head, body);
    return stream;
  }

  /** Ends the connection; the child exits when it sees that, and calls under way are lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#connection.close();
    } catch {
      // The other side was first.
    }
    for (const stream of this.#streams.values()) stream.finish("lost");
    this.#events.onClosed();
  }

  /**
   * A lone call goes out at once; of several, those that came in the same turn of the event loop
   * share a system call (measured at 16 clients: half as many, and half as many calls again).
   */
  readonly #schedule = (drain: () => void): void => {
    if (this.#streams.size > 1) setImmediate(drain);
    else queueMicrotask(drain);
  };

  readonly #onFrame = (type: number, id: number, payload: Uint8Array): void => {
    if (id === 0) return this.#onControl(type, payload);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.onFrame(type, payload, this.#heads);
    if (stream.pending) this.#touched.push(stream);
  };

  readonly #onTurn = (): void => {
    for (const stream of this.#touched) stream.publish();
    this.#touched.length = 0;
  };

  #onControl(type: number, payload: Uint8Array): void {
    if (type === Frame.READY) this.#events.onReady();
    else if (type === Frame.PONG) this.#events.onPong();
    else if (type === Frame.READS) this.#events.onReads(readHead(payload).head);
    else if (type === Frame.REJECT) this.#events.onReject(readHead(payload).head.reason);
  }
}
