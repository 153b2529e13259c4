/**
 * What a child writes to stdout and stderr, as masked lines filed under the call they belong to.
 *
 * Both streams are always drained, so a child never blocks on a full pipe, and bounded, so a flood
 * costs neither memory nor storage.
 *
 * @module
 */
import { Budget } from "./budget.ts";
import type { Masker, MaskStream } from "./mask/masker.ts";

/** The level of a line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** One line of output. */
export interface OutputLine {
  /** The call's number in its child; 0 when it can't be told. */
  readonly callId: number;
  readonly level: LogLevel;
  /** Masked, without the newline; at most {@linkcode MAX_LINE} characters. */
  readonly text: string;
}

/** The longest line that is kept whole, in bytes. */
export const MAX_LINE = 16 * 1024;
/** Output of one stream that is kept at once, bytes; refilled at {@linkcode REFILL} a second. */
export const BURST = 2 * 1024 * 1024;
export const REFILL = 256 * 1024;

/** How frames of the child's own side look in a stack: they say nothing about the function. */
const OWN_FRAME = new RegExp(
  `^ +at (?:.* )?\\(?${RegExp.escape(new URL("./guest/", import.meta.url).href)}[^ ]+?\\)?( \\{)?$`,
);

const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];

/** How to read one stream. */
export interface OutputOptions {
  /** What the bootstrap puts before a console line; see {@linkcode newMark}. */
  readonly mark: string;
  readonly masker: Masker;
  /** The level of lines without a mark. */
  readonly level: LogLevel;
  onLine(line: OutputLine): void;
}

/** A mark that user code can't guess: 128 random bits between two characters no log uses. */
export function newMark(): string {
  const token = crypto.getRandomValues(new Uint8Array(16)).toHex();
  return `\u001e${token}:`;
}

/** Reads `stream` to its end. Resolves, and never throws, when it has ended. */
export async function readOutput(
  stream: ReadableStream<Uint8Array>,
  options: OutputOptions,
): Promise<void> {
  const reader = new OutputReader(options);
  try {
    for await (const chunk of stream) reader.push(chunk);
  } catch {
    // The pipe broke with its child; what has come is kept.
  }
  reader.end();
}

class OutputReader {
  readonly #options: OutputOptions;
  #masked: MaskStream;
  #skipping = false;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #lastCall = 0;
  #lastLevel: LogLevel;
  readonly #budget = new Budget(REFILL, BURST);
  #dropped = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#masked = options.masker.stream();
    this.#lastLevel = options.level;
  }

  push(chunk: Uint8Array): void {
    if (!this.#afford(chunk.length)) return this.#skip();
    if (this.#skipping) {
      const lineEnd = chunk.indexOf(10);
      if (lineEnd === -1) return;
      this.#skipping = false;
      chunk = chunk.subarray(lineEnd + 1);
    }
    this.#take(this.#masked.push(chunk));
    // A value is never continued after a line's end, so nothing is held back longer than that.
    if (chunk.at(-1) === 10) this.#take(this.#masked.flush());
  }

  end(): void {
    this.#take(this.#masked.flush());
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
    this.#reportDropped();
  }

  /** Spends the budget of `bytes`; false when they are to be dropped. */
  #afford(bytes: number): boolean {
    if (!this.#budget.spend(bytes)) {
      this.#dropped += bytes;
      return false;
    }
    this.#reportDropped();
    return true;
  }

  /**
   * What is around dropped bytes could be the halves of a value, which no mask would know: the
   * beginning that is held back goes with them, and the rest up to the line's end.
   */
  #skip(): void {
    this.#skipping = true;
    this.#masked = this.#options.masker.stream();
    this.#rest = "";
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const text = `[output truncated: ${this.#dropped} bytes dropped]`;
    this.#dropped = 0;
    this.#options.onLine({ callId: 0, level: "warn", text });
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end));
      start = end + 1;
    }
    this.#rest = text.slice(start);
    while (this.#rest.length > MAX_LINE) {
      this.#line(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
  }

  /** A line without a mark goes on where the last one was: one console call can print several. */
  #line(line: string): void {
    const at = line.indexOf(this.#options.mark);
    let text = line;
    if (at !== -1) {
      const label = line.slice(at + this.#options.mark.length);
      const match = /^(\d+):([a-z]+) ?/.exec(label);
      if (match !== null && LEVELS.includes(match[2]!)) {
        this.#lastCall = Number(match[1]);
        this.#lastLevel = match[2] as LogLevel;
        text = line.slice(0, at) + label.slice(match[0].length);
      }
    }
    const shown = withoutOwnFrame(text);
    if (shown === undefined) return;
    this.#options.onLine({ callId: this.#lastCall, level: this.#lastLevel, text: cut(shown) });
  }
}

/** A frame may end with the brace that opens the error's properties, and only that is left of it. */
function withoutOwnFrame(text: string): string | undefined {
  const frame = text.startsWith("    ") ? OWN_FRAME.exec(text) : null;
  if (frame === null) return text;
  return frame[1] === undefined ? undefined : frame[1];
}

function cut(text: string): string {
  return text.length <= MAX_LINE ? text : text.slice(0, MAX_LINE) + "…";
}
