/**
 * A private copy of a function's sources, from which alone it is bundled.
 *
 * What was checked is what is bundled: nobody else can write to the copy, and the bundler can read
 * nothing but the copy. Comparing times before and after would leave a gap in between.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import { digestOf } from "./digest.ts";
import { insideRoot, isAbsent } from "./directory.ts";

/** The bytes of sources, by path relative to the functions' root. */
export type Sources = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const TOTAL_BYTES = 32 * 1024 * 1024;

/**
 * Reads files of the functions directory.
 *
 * @param root Absolute and real.
 * @param files Relative to the root.
 * @throws {AppError} FUNCTION_INVALID when one is gone, is a link or no regular file, or when all
 * are over 32 MiB together.
 */
export async function readSources(root: string, files: readonly string[]): Promise<Sources> {
  const sources = new Map<string, Uint8Array<ArrayBuffer>>();
  let left = TOTAL_BYTES;
  for (const file of files) {
    const bytes = await readSource(root, file, left);
    left -= bytes.length;
    sources.set(file, bytes);
  }
  return sources;
}

/** The SHA-256 of each source. */
export function digestsOf(
  sources: Iterable<readonly [file: string, bytes: Uint8Array]>,
): Record<string, string> {
  return Object.fromEntries([...sources].map(([file, bytes]) => [file, digestOf(bytes)]));
}

/**
 * Writes sources into a folder, readable by this user alone.
 *
 * @param folder An existing folder that nobody else can write to.
 */
export async function writeSources(folder: string, sources: Sources): Promise<void> {
  for (const [file, bytes] of sources) {
    const parent = file.split("/").slice(0, -1).join("/");
    await Deno.mkdir(`${folder}/${parent}`, { recursive: true, mode: 0o700 });
    await Deno.writeFile(`${folder}/${file}`, bytes, { mode: 0o600, createNew: true });
  }
}

async function readSource(
  root: string,
  file: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const before = await Deno.lstat(`${root}/${file}`);
    // A pipe would block the open below.
    if (!before.isFile) throw notRegular(file);
    if (before.size > limit) throw tooLarge();
    using handle = await Deno.open(`${root}/${file}`);
    const opened = await handle.stat();
    await insideRoot(root, file);
    const named = await Deno.lstat(`${root}/${file}`);
    // The opened file is the one that has this name without any link on the way.
    if (!named.isFile || named.ino !== opened.ino || named.dev !== opened.dev) {
      throw notRegular(file);
    }
    const bytes = await new Response(handle.readable).bytes();
    if (bytes.length > limit) throw tooLarge();
    return bytes;
  } catch (error) {
    if (isAbsent(error)) throw new AppError("FUNCTION_INVALID", `${file}: does not exist`);
    throw error;
  }
}

function notRegular(file: string): AppError {
  return new AppError("FUNCTION_INVALID", `${file}: is not a regular file without links`);
}

function tooLarge(): AppError {
  return new AppError("FUNCTION_INVALID", "The sources are over 32 MiB together");
}
