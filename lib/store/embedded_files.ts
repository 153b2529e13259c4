/**
 * The embedded database's files, synced to the disk when it asks for that.
 *
 * As shipped, PGlite runs with `fsync=off`, and its `fdatasync` does nothing: a committed row would
 * survive the process but not the power. Its file system layer does pass `fsync` on to whoever
 * offers it. That hook is not documented, so the version is pinned and a test counts the calls.
 *
 * @module
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";

/** What of an open file the hook needs: the descriptor of the file behind it. */
interface Stream {
  readonly nfd?: number;
}

/** What of the WebAssembly module's file system this reaches into. */
interface FileSystemType {
  readonly stream_ops: { fsync?: (stream: Stream) => number };
  tryFSOperation(operation: () => void): void;
}

/** Start parameters of a server that syncs each commit before it acknowledges it. */
export const SYNCED_START: readonly string[] = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"),
  ...["-c", "fsync=on", "-c", "wal_sync_method=fsync"],
];

/** The host's file system with a working `fsync`. */
export class SyncedFiles extends NodeFS {
  #syncs = 0;

  /** How often a file was synced since the start. */
  get syncs(): number {
    return this.#syncs;
  }

  override async init(...args: Parameters<NodeFS["init"]>): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(...args);
    const preRun = [...(emscriptenOpts.preRun ?? []), (module: { NODEFS: unknown }) => {
      this.#hook(module.NODEFS as FileSystemType);
    }];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }

  #hook(type: FileSystemType): void {
    type.stream_ops.fsync = ({ nfd }) => {
      // The wrapper turns a failed sync into an error that the database must take seriously.
      if (nfd !== undefined) type.tryFSOperation(() => fdatasyncSync(nfd));
      this.#syncs += 1;
      return 0;
    };
  }
}

/** Syncs a directory with all that is in it; the first filling of it is done without. */
export function syncTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncPath(path);
  }
  syncPath(directory);
}

function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
