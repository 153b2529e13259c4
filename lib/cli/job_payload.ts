/**
 * Where a job's payload comes from: the command line, a file or stdin.
 *
 * @module
 */
import { usageError } from "./failure.ts";
import type { Context } from "./table.ts";

/**
 * Reads the payload; `undefined` when none is given.
 *
 * @throws {CliError} Exit 2 when it isn't JSON, or given twice.
 */
export async function readPayload(context: Context): Promise<unknown> {
  const typed = context.flags.text("payload");
  const file = context.flags.text("file");
  if (typed !== undefined && file !== undefined) {
    throw usageError("Give --payload or --file, not both");
  }
  const text = typed === "-" || file === "-" ? await readStdin(context) : typed ??
    (file === undefined ? undefined : await readFile(context, file));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw usageError("The payload is not JSON");
  }
}

function readStdin(context: Context): Promise<string> {
  return new Response(context.io.stdin).text();
}

async function readFile(context: Context, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(context.settings.resolvePath(path));
  } catch {
    throw usageError("The file of --file cannot be read");
  }
}
