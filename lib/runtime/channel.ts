/**
 * Calls over one child's socket: many at once, each with its own stream of frames.
 *
 * A request is written once and never again, whatever happens to the child.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { CallTable } from "./guest/call_table.mjs";
import { Frame, FrameWriter, HeadReader, readFrames, readHead, readU32 } from "./guest/frames.mjs";
import { IncomingBody, OutgoingBody, peekBody } from "./guest/bodies.mjs";
import { addReads, NO_READS, type ReadWords } from "./reads.ts";

/** The head of a request, as it goes to the child. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /**
   * The number under which the child has the caller's settings; left out for none. Asked for when
   * the head is written: until then they could be taken back.
   */
  readonly settings?: () => number;
}

/** What a child answered. The body is bytes when it came whole, a stream otherwise. */
export interface Answer {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null;
}

/** How a call ended. */
export type CallEnd =
  /** The handler's response went out whole. */
  | "completed"
  /** The handler threw, or the body broke. */
  | "failed"
  /** The caller went away, or the server gave the call up. */
  | "cancelled"
  /** The child ended before the call did. */
  | "lost";

/**
 * Told how a call has ended, and which values it has read as far as the child has told; null when it
 * has told nothing.
 */
export type OnEnd = (end: CallEnd, reads: ReadWords | null) => void;

/** Why {@linkcode Channel.call} has no answer. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly end: Exclude<CallEnd, "completed">;

  constructor(end: Exclude<CallEnd, "completed">) {
    super(`The call ended without an answer: ${end}`);
    this.end = end;
  }
}

/** One call under way. */
export interface Call {
  /** Epoch-independent start, milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly answer: Promise<Answer>;
  /** Whether the head of the response has come. */
  readonly answered: boolean;
  /** Gives the call up: the child's `request.signal` aborts and its body is cancelled. */
  cancel(): void;
}

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

/** The body of a request: nothing, bytes, or a stream. */
export type RequestBody = Uint8Array | ReadableStream<Uint8Array> | null;

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
  readonly #streams = new CallTable<Stream>();
  /** Streams whose frames of the current read are still being collected. */
  readonly #touched: Stream[] = [];
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
    const stream = new Stream(id, this.#writer, (end, reads) => {
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

/** One call's frames. */
class Stream implements Call {
  readonly startedAt = performance.now();
  readonly answer: Promise<Answer>;
  readonly #id: number;
  readonly #writer: FrameWriter;
  readonly #onEnd: OnEnd;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: CallError) => void;
  #head: { status: number; headers: [string, string][]; body: Uint8Array<ArrayBuffer> } | undefined;
  #more = false;
  #reads: ReadWords | null = null;
  #answered = false;
  #ended = false;
  #incoming: IncomingBody | undefined;
  #outgoing: OutgoingBody | undefined;

  constructor(id: number, writer: FrameWriter, onEnd: OnEnd) {
    this.#id = id;
    this.#writer = writer;
    this.#onEnd = onEnd;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get answered(): boolean {
    return this.#answered;
  }

  /** Whether the head has come in this read and isn't published yet. */
  get pending(): boolean {
    return this.#head !== undefined && !this.#answered;
  }

  send(head: RequestHead, body: RequestBody): void {
    if (body instanceof ReadableStream) this.#sendStreaming(head, body.getReader());
    else this.#sendHead(head, false, body ?? undefined);
  }

  #sendHead(
    { method, url, headers, settings }: RequestHead,
    more: boolean,
    body: Uint8Array | undefined,
  ): void {
    const head = settings === undefined
      ? [method, url, headers, more]
      : [method, url, headers, more, settings()];
    this.#writer.head(Frame.REQUEST, this.#id, head, body);
  }

  async #sendStreaming(
    head: RequestHead,
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<void> {
    this.#outgoing = new OutgoingBody(this.#writer, this.#id, reader);
    try {
      const { part, next } = await peekBody(reader);
      if (this.#ended) return;
      this.#outgoing.spend(part?.length ?? 0);
      this.#sendHead(head, next !== undefined, part);
      if (next !== undefined && !await this.#outgoing.send(next)) this.#uploadBroke();
    } catch {
      this.#uploadBroke();
    }
  }

  /** The caller's own body broke: nobody is there to take an answer. */
  #uploadBroke(): void {
    if (!this.#answered) this.cancel();
  }

  /** @param heads Reads the heads of responses. */
  onFrame(type: number, payload: Uint8Array, heads: HeadReader): void {
    if (type === Frame.RESPONSE) {
      const { head: [status, headers, more, reads], body } = heads.read(payload);
      this.#head = { status, headers, body };
      this.#addReads(reads);
      this.#more = more;
      if (more) this.#incoming = this.#newBody(body);
    } else if (type === Frame.DATA) this.#incoming?.push(payload.slice());
    else if (type === Frame.END) this.#bodyEnded();
    else if (type === Frame.CREDIT) this.#outgoing?.credit(readU32(payload, 0));
    else if (type === Frame.CANCEL) this.#childCancelled();
    else if (type === Frame.READS) this.#addReads(readHead(payload).head);
    else if (type === Frame.FAILED) this.#childFailed();
  }

  #addReads(told: unknown): void {
    this.#reads ??= NO_READS;
    if (told !== undefined) this.#reads = addReads(this.#reads, told);
  }

  #childFailed(): void {
    this.#reads ??= NO_READS;
    this.finish("failed");
  }

  #newBody(first: Uint8Array<ArrayBuffer>): IncomingBody {
    const incoming = new IncomingBody(this.#writer, this.#id, () => this.cancel());
    incoming.push(first);
    return incoming;
  }

  /** Makes the answer of what has come: called once all frames of one read are taken. */
  publish(): void {
    if (this.#head === undefined || this.#answered) return;
    this.#answered = true;
    const { status, headers, body } = this.#head;
    this.#resolve({
      status,
      headers,
      body: this.#incoming?.stream ?? (body.length > 0 ? body : null),
    });
    if (!this.#more) this.finish("completed");
  }

  #bodyEnded(): void {
    this.#incoming?.end();
    this.#more = false;
    if (this.#answered) this.finish("completed");
  }

  /** Before the head, the child wants no more of the request; after it, its response has broken. */
  #childCancelled(): void {
    if (this.#head === undefined || this.#incoming === undefined) this.#outgoing?.stop();
    else this.finish("failed");
  }

  cancel(): void {
    if (this.#ended) return;
    this.#writer.frame(Frame.CANCEL, this.#id);
    this.finish("cancelled");
  }

  #fail(end: CallError["end"]): void {
    // The owner may learn of the end by onEnd alone.
    this.answer.catch(() => {});
    this.#reject(new CallError(end));
  }

  finish(end: CallEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#outgoing?.stop();
    if (end !== "completed") {
      this.#incoming?.fail();
      if (!this.#answered) this.#fail(end);
    }
    this.#onEnd(end, this.#reads);
  }
}
