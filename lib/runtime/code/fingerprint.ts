/**
 * Tells whether files changed, by what the file system says about them.
 *
 * @module
 */
import { isAbsent } from "./directory.ts";

/**
 * The state of files as one text that differs when one was changed, replaced, made or removed.
 *
 * Synchronous: a call that finds nothing changed must not wait its turn. About 10 µs for each file.
 *
 * @param root Absolute.
 * @param files Relative to the root; they need not exist.
 */
export function fingerprint(root: string, files: readonly string[]): string {
  return files.map((file) => stateOf(`${root}/${file}`)).join("\n");
}

function stateOf(path: string): string {
  try {
    const info = Deno.lstatSync(path);
    const kind = info.isFile ? "f" : "o";
    return [kind, info.mtime?.getTime(), info.ctime?.getTime(), info.size, info.ino].join(":");
  } catch (error) {
    if (isAbsent(error)) return "-";
    throw error;
  }
}
