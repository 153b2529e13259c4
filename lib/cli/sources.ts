/**
 * Reads a directory of sources to be sent.
 *
 * @module
 */
import { usageError } from "./failure.ts";

/** A file as it is sent: as text where it is text, else as base64. */
export type SourceFile =
  & { readonly path: string }
  & ({ readonly text: string } | { readonly base64: string });

/** Most bytes and files of one directory; the server's limits. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 5_000;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads every file below a directory but hidden ones and `node_modules`.
 *
 * @throws {CliError} Exit 2 when there is no such directory, for a symbolic link, or when it is too
 * much.
 */
export async function readSources(directory: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  let bytes = 0;
  for await (const path of walk(directory, "")) {
    const { size } = await Deno.stat(`${directory}/${path}`);
    bytes += size;
    if (bytes > MAX_BYTES) throw usageError("The files are over 32 MiB together");
    if (files.length === MAX_FILES) throw usageError(`There are more than ${MAX_FILES} files`);
    files.push(sourceOf(path, await Deno.readFile(`${directory}/${path}`)));
  }
  return files;
}

async function* walk(directory: string, folder: string): AsyncGenerator<string> {
  for (const entry of await entriesOf(`${directory}/${folder}`)) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = `${folder}${entry.name}`;
    if (entry.isSymlink) throw usageError(`${path} is a symbolic link; those are not followed`);
    if (entry.isDirectory) yield* walk(directory, `${path}/`);
    else if (entry.isFile) yield path;
  }
}

async function entriesOf(path: string): Promise<Deno.DirEntry[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.toSorted((a, b) => a.name < b.name ? -1 : 1);
  } catch {
    throw usageError("The directory cannot be read", "Give another with: --dir PATH");
  }
}

function sourceOf(path: string, bytes: Uint8Array): SourceFile {
  try {
    return { path, text: decoder.decode(bytes) };
  } catch {
    return { path, base64: bytes.toBase64() };
  }
}
