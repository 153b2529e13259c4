/**
 * Tells at once which source files were touched, where the file system reports it.
 *
 * @module
 */
import { isAbsent, toSlashes } from "./directory.ts";

/** What a {@linkcode SourceWatcher} calls. */
export interface WatchHooks {
  /** Files were touched; paths are relative to the root. */
  onTouch(files: string[]): void;
  /** Watching ended or could not begin; changes are then found by looking. */
  onFailure(error: unknown): void;
}

/** Watches a directory and all below it. */
export class SourceWatcher {
  readonly #root: string;
  readonly #hooks: WatchHooks;
  #watcher: Deno.FsWatcher | null = null;
  #loop: Promise<void> = Promise.resolve();

  /**
   * Begins to watch.
   *
   * @param root Absolute.
   * @returns `null` when there is no such directory yet.
   */
  static async open(root: string, hooks: WatchHooks): Promise<SourceWatcher | null> {
    try {
      return new SourceWatcher(await Deno.realPath(root), hooks);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  private constructor(root: string, hooks: WatchHooks) {
    this.#root = root;
    this.#hooks = hooks;
    try {
      this.#watcher = Deno.watchFs(root, { recursive: true });
      this.#loop = this.#run(this.#watcher);
    } catch (error) {
      hooks.onFailure(error);
    }
  }

  /** Ends watching. */
  async close(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    watcher?.close();
    await this.#loop;
  }

  async #run(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const event of watcher) {
        // Reading is reported too, our own included.
        if (event.kind !== "access") {
          this.#hooks.onTouch(event.paths.map((path) => this.#name(path)));
        }
      }
    } catch (error) {
      if (this.#watcher !== null) this.#hooks.onFailure(error);
    }
  }

  #name(path: string): string {
    return toSlashes(path).slice(this.#root.length + 1);
  }
}
