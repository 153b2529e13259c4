/**
 * Deployed code by its hash: from this machine's disk, else from the database, and checked against
 * its hash wherever it comes from.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { digestOf } from "../runtime/code/digest.ts";
import { readBlob } from "../store/deployments.ts";
import type { Sql } from "../store/sql.ts";

/** Options of {@linkcode Bundles}. */
export interface BundlesOptions {
  readonly sql: Sql;
  /** Where code is kept on disk, absolute. Made with mode 0700 when absent. */
  readonly directory: string;
  /** Called when code could not be kept on disk. */
  onUncached?(error: unknown): void;
}

const FILE = /^[0-9a-f]{64}\.js$/;

/** Reads and keeps deployed code. */
export class Bundles {
  readonly #options: BundlesOptions;

  constructor(options: BundlesOptions) {
    this.#options = options;
  }

  /**
   * The code with this hash.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when the database holds other code under the hash or
   * none; STORE_UNAVAILABLE when it can't be reached and the code isn't on disk.
   */
  async read(hash: string): Promise<string> {
    const kept = await this.#fromDisk(hash);
    if (kept !== undefined) return kept;
    const bytes = await readBlob(this.#options.sql, hash);
    if (bytes === undefined || digestOf(bytes) !== hash) {
      const what = bytes === undefined ? "is missing" : "is not as it was written";
      throw new AppError("INTEGRITY_VIOLATION", `Deployed code ${hash.slice(0, 12)} ${what}`);
    }
    const code = new TextDecoder().decode(bytes);
    await this.keep(hash, code);
    return code;
  }

  /** Puts code on disk in one step; a failure is reported and changes nothing else. */
  async keep(hash: string, code: string): Promise<void> {
    const { directory } = this.#options;
    const draft = `${directory}/${crypto.randomUUID()}.draft`;
    try {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(draft, code, { mode: 0o600 });
      await Deno.rename(draft, this.#pathOf(hash));
    } catch (error) {
      this.#options.onUncached?.(error);
    }
  }

  /** Removes code from disk that is older than `before` and whose hash `needed` doesn't hold. */
  async sweep(before: Date, needed: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    for await (const { name, isFile } of entriesOf(this.#options.directory)) {
      if (!isFile || (FILE.test(name) && needed.has(name.slice(0, 64)))) continue;
      const path = `${this.#options.directory}/${name}`;
      const { mtime } = await Deno.lstat(path);
      if (mtime === null || mtime >= before) continue;
      await Deno.remove(path);
      removed++;
    }
    return removed;
  }

  async #fromDisk(hash: string): Promise<string | undefined> {
    try {
      const code = await Deno.readTextFile(this.#pathOf(hash));
      return digestOf(code) === hash ? code : undefined;
    } catch {
      return undefined;
    }
  }

  #pathOf(hash: string): string {
    return `${this.#options.directory}/${hash}.js`;
  }
}

async function* entriesOf(directory: string): AsyncGenerator<Deno.DirEntry> {
  try {
    yield* Deno.readDir(directory);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
