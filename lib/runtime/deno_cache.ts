/**
 * What Deno itself keeps on disk, for children.
 *
 * With no directory for it, Deno makes its caches anew in memory and compiles the bootstrap each
 * time: a third of a child's start (measured: 29 ms, and 19 ms with one). Shared, it would be written
 * to by processes of different functions. So each child gets a copy of its own of what one child
 * without code has left, and before the child gets its code a file takes the directory's place: what
 * is open stays open, and nothing can be made there any more. Else user code could fill the disk
 * through the caches of a worker, for which Deno asks for no right.
 *
 * @module
 */

/** What `DENO_DIR` is for one child. */
export interface DenoDir {
  readonly path: string;
  /**
   * Closes it, once the child has started.
   *
   * @throws {Error} When it can't be closed: then the child must get no code.
   */
  close(): Promise<void>;
  /** Removes what is left of it. */
  remove(): Promise<void>;
}

const CLOSE_ATTEMPTS = 100;

const done = () => Promise.resolve();

/** A directory that can't exist: Deno does without. */
export const NO_DENO_DIR: DenoDir = { path: "/dev/null/deno", close: done, remove: done };

/** The directory that is copied. */
interface Model {
  readonly path: string;
  readonly files: readonly string[];
}

/** Makes these directories. */
export class DenoCache {
  readonly #directory: string;
  readonly #fill: (denoDir: string) => Promise<void>;
  #model: Promise<Model> | undefined;

  /**
   * @param directory Where the copies go; only this user can enter it.
   * @param fill Runs a child that has no code with this directory, to its end.
   */
  constructor(directory: string, fill: (denoDir: string) => Promise<void>) {
    this.#directory = directory;
    this.#fill = fill;
  }

  /**
   * Makes the directory of one child; where that can't be done, the child does without.
   *
   * @param id Names the child.
   */
  async make(id: string): Promise<DenoDir> {
    const copy = new Copy(`${this.#directory}/${id}.deno`);
    try {
      await copy.fill(await (this.#model ??= this.#makeModel()));
      return copy;
    } catch {
      await copy.remove();
      return NO_DENO_DIR;
    }
  }

  async #makeModel(): Promise<Model> {
    const path = `${this.#directory}/model.deno`;
    try {
      await Deno.mkdir(path, { mode: 0o700 });
      await this.#fill(path);
      const files = [];
      for await (const { name, isFile } of Deno.readDir(path)) if (isFile) files.push(name);
      return { path, files };
    } catch (error) {
      // The next child tries again: what was wrong may pass, as a full disk does.
      this.#model = undefined;
      await Deno.remove(path, { recursive: true }).catch(() => {});
      throw error;
    }
  }
}

class Copy implements DenoDir {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async fill(model: Model): Promise<void> {
    await Deno.mkdir(this.path, { mode: 0o700 });
    await Promise.all(
      model.files.map((file) => Deno.copyFile(`${model.path}/${file}`, `${this.path}/${file}`)),
    );
  }

  async close(): Promise<void> {
    for (let left = CLOSE_ATTEMPTS; left > 0; left--) {
      try {
        return await this.#replace();
      } catch (error) {
        // A child that writes down what it has compiled makes the directory anew, or something in
        // it, amid this. It has no code of anybody's yet, so it soon has nothing left to write.
        if (left === 1) throw error;
      }
    }
  }

  async #replace(): Promise<void> {
    await Deno.remove(this.path, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await Deno.writeFile(this.path, new Uint8Array(0), { createNew: true, mode: 0o400 });
  }

  async remove(): Promise<void> {
    await Deno.remove(this.path, { recursive: true }).catch(() => {});
  }
}
