/**
 * Where a command reads and writes: data on stdout, notes on stderr.
 *
 * @module
 */

/** The streams of a command. */
export interface Io {
  /** Writes data. */
  out(text: string): void;
  /** Says what was done, on stdout; nothing under `--quiet`. */
  tell(text: string): void;
  /** Writes bytes of data. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Writes a note. */
  note(text: string): void;
  /** Shows one line in place of the last one where stderr is a terminal; empty takes it away. */
  status(text: string): void;
  /** Whether stdin is a terminal, so that somebody can be asked. */
  readonly interactive: boolean;
  /** Whether only data and errors are wanted. */
  readonly quiet: boolean;
  /** Whether stdout is a terminal. */
  readonly outIsTerminal: boolean;
  /** How wide stdout is; `null` where it isn't a terminal, or doesn't tell. */
  readonly columns: number | null;
  /** Bold text where stdout is a terminal that wants colour. */
  bold(text: string): string;
  readonly stdin: ReadableStream<Uint8Array>;
}

const BOLD = "\x1b[1m";
const NOT_BOLD = "\x1b[22m";

/**
 * Text without what steers a terminal, but for new lines, tabs and our own bold. Names, messages and
 * errors come from a server, and what a server says may be made up by whoever writes to its database.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { forTerminal } from "./io.ts";
 *
 * assertEquals(forTerminal("a\x1b]0;title\x07\tb\n"), "a]0;title\tb\n");
 * ```
 */
export function forTerminal(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /\x1b\[(?:1|22)m|[^\P{Cc}\n\t]|\p{Cf}/gu,
    (found) => found === BOLD || found === NOT_BOLD ? found : "",
  );
}

/** The process's own streams. NO_COLOR is obeyed. */
export function processIo(): Io {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const outIsTerminal = Deno.stdout.isTerminal();
  const status = Deno.stderr.isTerminal();
  const bold = outIsTerminal && !Deno.noColor;
  // A pipe or a file gets data as it is.
  const out = (text: string) => {
    const shown = outIsTerminal ? forTerminal(text) : text;
    writeAllSync(Deno.stdout, encoder.encode(shown + "\n"));
  };
  return {
    out,
    tell: out,
    outBytes: (bytes) => {
      if (!outIsTerminal) return writeAll(bytes);
      return writeAll(encoder.encode(forTerminal(decoder.decode(bytes, { stream: true }))));
    },
    note: (text) => writeAllSync(Deno.stderr, encoder.encode(forTerminal(text) + "\n")),
    status: (text) => {
      // A line that wraps could not be taken away again.
      if (status) writeAllSync(Deno.stderr, encoder.encode(`\r\x1b[2K${cut(forTerminal(text))}`));
    },
    interactive: Deno.stdin.isTerminal(),
    quiet: false,
    outIsTerminal,
    get columns() {
      return outIsTerminal ? terminalColumns() : null;
    },
    bold: (text) => bold ? BOLD + text + NOT_BOLD : text,
    get stdin() {
      return Deno.stdin.readable;
    },
  };
}

/**
 * The same streams for `--quiet`: without what only says that something was done. Data stays, since
 * a new key that isn't printed would be lost, and `get` would get nothing.
 */
export function quietly(io: Io): Io {
  return {
    ...io,
    tell: () => {},
    status: () => {},
    quiet: true,
    get columns() {
      return io.columns;
    },
    get stdin() {
      return io.stdin;
    },
  };
}

function cut(text: string): string {
  return [...text].slice(0, (terminalColumns() ?? 80) - 1).join("");
}

/** A terminal that doesn't tell its size says 0. */
function terminalColumns(): number | null {
  try {
    return Deno.consoleSize().columns || null;
  } catch {
    return null;
  }
}

// One write may take a part only, for example of a long list into a full pipe.
function writeAllSync(target: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += target.writeSync(bytes.subarray(at));
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}
