/**
 * Asks for a line at the terminal without showing it.
 *
 * The question goes to stderr, so that it is seen when stdout is redirected and never mixes with
 * data. The terminal's line editing is off, so the few keys that edit are handled here, on whole
 * characters. A paste of several lines is refused whole, lest its rest be run by the shell.
 *
 * @module
 */
import { CliError, usageError } from "./failure.ts";
import { undoneBySignal } from "./interrupt.ts";

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_U = 0x15;
const ERASE = new Set([0x08, 0x7f]);
const ENTER = new Set([0x0a, 0x0d]);

/**
 * Asks and waits for the answer.
 *
 * @throws {CliError} Exit 130 at Ctrl-C, exit 1 at the end of input, exit 2 when the answer can't be
 * a line.
 */
export async function promptHidden(question: string): Promise<string> {
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  const restore = () => {
    Deno.stdin.setRaw(false);
    write("\n");
  };
  return await undoneBySignal(restore, async () => {
    // Before the question, so that no key typed in answer to it is shown.
    Deno.stdin.setRaw(true);
    try {
      write(question);
      return decodeLine(await readLine());
    } finally {
      restore();
    }
  });
}

async function readLine(): Promise<number[]> {
  const line: number[] = [];
  const chunk = new Uint8Array(4096);
  while (true) {
    const length = await Deno.stdin.read(chunk);
    if (length === null) throw new CliError(1, "Called off");
    for (let i = 0; i < length; i++) {
      const byte = chunk[i]!;
      if (ENTER.has(byte)) {
        if (chunk.subarray(i + 1, length).some((each) => !ENTER.has(each))) throw severalLines();
        return line;
      }
      edit(line, byte);
    }
  }
}

function edit(line: number[], byte: number): void {
  if (byte === CTRL_C) throw new CliError(130, "Called off");
  if (byte === CTRL_D && line.length === 0) throw new CliError(1, "Called off");
  if (byte === CTRL_U) line.length = 0;
  else if (ERASE.has(byte)) eraseCharacter(line);
  else line.push(byte);
}

/** Removes the last UTF-8 sequence: bytes `10xxxxxx` continue it (RFC 3629 §3). */
function eraseCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}

function decodeLine(line: readonly number[]): string {
  if (line.some((byte) => byte < 0x20 && byte !== 0x09)) {
    throw usageError("The answer has control characters; pipe the value in with - for VALUE");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(line));
  } catch {
    throw usageError("The answer is not UTF-8 text");
  }
}

function severalLines(): CliError {
  return usageError("The answer has several lines", "Use --from-file PATH, or pipe it in with -");
}
