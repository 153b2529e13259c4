/**
 * Where the value of a secret comes from: the command line, stdin, a file or a hidden prompt.
 *
 * @module
 */
import { usageError } from "./failure.ts";
import type { Context } from "./table.ts";
import { later } from "./later.ts";

/** Reading stops here: far more than a server takes, far less than a stream without end. */
const MOST_BYTES = 1024 * 1024;

/**
 * Reads the value. From `-` one newline at the end is dropped, since pipes add it; `--from-file`
 * keeps every byte.
 *
 * @throws {CliError} Exit 2 when no value is given, or it isn't UTF-8 text.
 */
export async function readValue(context: Context): Promise<string> {
  const typed = context.args.VALUE;
  const path = context.flags.text("from-file");
  if (typed !== undefined && path !== undefined) {
    throw usageError("Give VALUE or --from-file, not both");
  }
  if (path !== undefined) return decode(await readFile(path, context));
  if (typed === "-") return decode(await readAll(context.io.stdin)).replace(/\r?\n$/, "");
  if (typed !== undefined) return typed;
  if (!context.io.interactive) throw nothingGiven();
  const { promptHidden } = await later<typeof import("./prompt.ts")>("./prompt.ts");
  return await promptHidden(`Value of ${context.args.NAME ?? context.args.KEY} (hidden): `);
}

function nothingGiven(): Error {
  return usageError(
    "VALUE is missing",
    "Pipe it in with - for VALUE, use --from-file PATH, or type it at the prompt of a terminal",
  );
}

async function readFile(path: string, context: Context): Promise<Uint8Array> {
  if (path === "-") return await readAll(context.io.stdin);
  try {
    const file = await Deno.open(context.settings.resolvePath(path));
    return await readAll(file.readable);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw usageError("The file of --from-file does not exist");
    }
    if (error instanceof Deno.errors.IsADirectory) throw usageError("--from-file is a directory");
    if (error instanceof Deno.errors.PermissionDenied) {
      throw usageError("--from-file cannot be read");
    }
    throw error;
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES) throw usageError("The value is too large");
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usageError("The value is not UTF-8 text; encode it first, for example with base64");
  }
}
