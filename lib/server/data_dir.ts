/**
 * The server's own files: the data directory, the generated root key, the first admin key.
 *
 * @module
 */
import { resolve } from "node:path";
import { AppError } from "../errors.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** A unix socket's path is at most 107 bytes on Linux, 103 on macOS; a name of 14 comes behind. */
const LONGEST_SOCKET_DIRECTORY = 85;
/** Run directories of processes that were killed are removed after this time, ms. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1_000;

/** What to do about a directory that is of no use. */
const OTHER = "name a directory of this user's own";

/** The data directory. */
export class DataDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens the directory, and makes it when it isn't there.
   *
   * @throws {AppError} CONFIG_INVALID when it can't be made or written to, others may enter it, or
   * its path has a comma: lists of permissions, in which parts of it stand, are split at commas.
   */
  static async open(path: string): Promise<DataDir> {
    if (resolve(path).includes(",")) {
      throw new AppError("CONFIG_INVALID", "FLUXBASE_DATA_DIR must not have a comma in its path");
    }
    try {
      await Deno.mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    } catch (cause) {
      throw new AppError("CONFIG_INVALID", `FLUXBASE_DATA_DIR can't be made; ${OTHER}`, { cause });
    }
    await refuseOpenMode(path, "FLUXBASE_DATA_DIR", "700");
    await refuseUnwritable(path);
    return new DataDir(path);
  }

  /** The path of something in it. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /**
   * Reads a key file.
   *
   * @returns `null` when there is none.
   * @throws {AppError} CONFIG_INVALID when others may read it.
   */
  async readKey(name: string): Promise<string | null> {
    try {
      const text = await Deno.readTextFile(this.file(name));
      await refuseOpenMode(this.file(name), name, "600");
      return text.trim();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }

  /** Reads a key file as it is now, whoever may read it; `null` when it can't be. */
  async peekKey(name: string): Promise<string | null> {
    const text = await Deno.readTextFile(this.file(name)).catch(() => "");
    return text.trim() || null;
  }

  /** Writes a key file, whole or not at all, and on the disk when this resolves. */
  async writeKey(name: string, text: string): Promise<void> {
    const draft = this.file(`${name}.${crypto.randomUUID()}`);
    const file = await Deno.open(draft, { createNew: true, write: true, mode: FILE_MODE });
    try {
      await file.write(new TextEncoder().encode(text + "\n"));
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(draft, this.file(name));
    await this.#sync();
  }

  /** Removes a key file. @returns Whether there was one. */
  async removeKey(name: string): Promise<boolean> {
    try {
      await Deno.remove(this.file(name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
    await this.#sync();
    return true;
  }

  /**
   * Makes a directory for the sockets of this process.
   *
   * @throws {AppError} CONFIG_INVALID when its path is too long for a socket.
   */
  async makeRunDirectory(): Promise<string> {
    const runs = shorter(this.file("run"));
    await Deno.mkdir(runs, { recursive: true, mode: DIRECTORY_MODE });
    await removeLeftOvers(runs);
    const path = `${runs}/${crypto.randomUUID().slice(0, 8)}`;
    if (new TextEncoder().encode(path).length > LONGEST_SOCKET_DIRECTORY) {
      throw new AppError(
        "CONFIG_INVALID",
        "FLUXBASE_DATA_DIR is too long for sockets to live in it; use a shorter path",
      );
    }
    await Deno.mkdir(path, { mode: DIRECTORY_MODE });
    return path;
  }

  /** A rename is only durable once the directory is. */
  async #sync(): Promise<void> {
    const directory = await Deno.open(this.path);
    try {
      await directory.sync();
    } finally {
      directory.close();
    }
  }
}

/** The path relative to the working directory when that is shorter. */
function shorter(path: string): string {
  const here = `${Deno.cwd()}/`;
  return path.startsWith(here) ? path.slice(here.length) : path;
}

async function removeLeftOvers(runs: string): Promise<void> {
  for await (const { name } of Deno.readDir(runs)) {
    const { mtime } = await Deno.lstat(`${runs}/${name}`).catch(() => ({ mtime: new Date() }));
    if (mtime === null || Date.now() - mtime.getTime() < LEFT_OVER_MS) continue;
    await Deno.remove(`${runs}/${name}`, { recursive: true }).catch(() => {});
  }
}

async function refuseOpenMode(path: string, name: string, wanted: string): Promise<void> {
  const { mode } = await Deno.stat(path);
  if (mode === null || (mode & 0o077) === 0) return;
  throw new AppError("CONFIG_INVALID", `${name} is open to others; run: chmod ${wanted} on it`);
}

/** Tried, since whose directory it is says nothing about root or a read-only disk. */
async function refuseUnwritable(path: string): Promise<void> {
  try {
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".probe-" }));
  } catch (cause) {
    const message = `FLUXBASE_DATA_DIR can't be written to; ${OTHER}`;
    throw new AppError("CONFIG_INVALID", message, { cause });
  }
}
