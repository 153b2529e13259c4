/**
 * One call over a child's socket: its request as frames, and its answer out of them.
 *
 * @module
 */
import { Frame } from "./guest/frames.mjs";
import type { FrameWriter } from "./guest/frame_writer.mjs";
import { type HeadReader, readHead, readU32 } from "./guest/heads.mjs";
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

/** Why a call has no answer. */
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

/** The body of a request: nothing, bytes, or a stream. */
export type RequestBody = Uint8Array | ReadableStream<Uint8Array> | null;

/** One call's frames. */
export class CallStream implements Call {
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
