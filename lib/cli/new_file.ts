/**
 * Files that a command makes.
 *
 * @module
 */
import { usageError } from "./failure.ts";
import { undoneBySignal } from "./interrupt.ts";

/** Writes a piece of the file. */
export type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes a file that isn't there yet, for this user alone: whole, or not at all, however the writing
 * ends.
 *
 * @param otherwise What to type where the file can't be made.
 * @throws {CliError} Exit 2 when it is there already or can't be made.
 */
export async function writeNewFile(
  path: string,
  otherwise: string,
  work: (write: Write) => Promise<void>,
): Promise<void> {
  using file = await open(path, otherwise);
  const remove = () => Deno.removeSync(path);
  await undoneBySignal(remove, async () => {
    try {
      await work(async (bytes) => {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      });
      await file.sync();
    } catch (error) {
      remove();
      throw error;
    }
  });
}

async function open(path: string, otherwise: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw usageError("FILE is there already");
    if (error instanceof Deno.errors.NotCapable) {
      throw usageError("FILE is written below the directory you are in", `Or: ${otherwise}`);
    }
    throw usageError("FILE cannot be written");
  }
}
