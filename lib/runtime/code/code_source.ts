/**
 * The current code of every function in a directory.
 *
 * A warm look-up is synchronous. Changes are reported by the file system and, since reports can be
 * lost, looked for on calls as well, at most twice a second for each function.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import { prewarm } from "./bundle.ts";
import { Builder, type Built, keyOf } from "./builder.ts";
import { findFunction, listFunctions } from "./directory.ts";
import { Entry } from "./entry.ts";
import { findConfigs } from "./function_config.ts";
import type { CodeEvent, CodeSourceOptions, FunctionCode } from "./function_code.ts";
import { Gate } from "./gate.ts";
import type { Listing, Located } from "./layout.ts";
import { type FunctionSettings, readSettings, type SettingsKind } from "./settings.ts";
import { SourceWatcher } from "./source_watcher.ts";
import { removeLeftOvers } from "./work_folder.ts";

type Name = Pick<Located, "name" | "namespace">;

interface Build {
  readonly done: Promise<Entry>;
  /** The files that were touched meanwhile. */
  readonly touched: Set<string>;
}

/** Gives the current code of functions. */
export class CodeSource {
  readonly #options: CodeSourceOptions;
  readonly #kind: SettingsKind;
  readonly #builder: Builder;
  readonly #gate: Gate;
  readonly #entries = new Map<string, Entry>();
  readonly #builds = new Map<string, Build>();
  readonly #ending = new AbortController();
  #watcher: SourceWatcher | null = null;
  #opening: Promise<void> | null = null;
  #swept: Promise<void> | null = null;

  /** Needs to run `deno`, to read `root` and to read and write `cacheDir`. */
  constructor(options: CodeSourceOptions) {
    this.#options = options;
    this.#gate = new Gate(options.concurrency ?? 2);
    this.#kind = options.noun === "Job" ? "jobs" : "functions";
    const run = { ...options, kind: this.#kind, signal: this.#ending.signal };
    this.#builder = new Builder(run, (error) => this.#emit({ type: "uncached", error }));
  }

  /**
   * The current code when it is known without waiting, else `undefined`: then ask `get`.
   *
   * @param namespace Only this namespace is looked at; `null` means none.
   */
  peek(name: string, namespace: string | null): FunctionCode | undefined {
    const code = this.#fresh(keyOf({ name, namespace }))?.code;
    return code instanceof AppError ? undefined : code;
  }

  /**
   * The current code, built when it isn't known. Callers at the same time share one build.
   *
   * @param namespace Only this namespace is looked at; `null` means none.
   * @throws {AppError} FUNCTION_NOT_FOUND; FUNCTION_INVALID until the sources are mended;
   * BUNDLER_UNAVAILABLE.
   */
  async get(name: string, namespace: string | null): Promise<FunctionCode> {
    const entry = this.#fresh(keyOf({ name, namespace })) ??
      await this.#current({ name, namespace });
    if (entry.code instanceof AppError) throw entry.code;
    return entry.code;
  }

  /**
   * Whether there is a file for this function; builds nothing.
   *
   * @throws {AppError} FUNCTION_INVALID for two files or a symbolic link.
   */
  async has(name: string, namespace: string | null): Promise<boolean> {
    return await findFunction(this.#options.root, name, namespace) !== null;
  }

  /** Every function of the directory, with what can't be one and why. */
  async list(): Promise<Listing> {
    return await listFunctions(this.#options.root);
  }

  /**
   * What a function says about itself; builds nothing.
   *
   * @throws {AppError} FUNCTION_INVALID with the file, the key and the rule.
   */
  async settings(located: Located): Promise<FunctionSettings> {
    const { settings } = await findConfigs(this.#options.root, located.file);
    return readSettings(settings, located, this.#kind);
  }

  /**
   * Brings the bundler, so that the first function doesn't wait for its download.
   *
   * @throws {AppError} BUNDLER_UNAVAILABLE when it can't be brought.
   */
  async prewarm(): Promise<void> {
    await prewarm({ ...this.#options, signal: this.#ending.signal });
  }

  /** Ends watching and running builds. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled([...this.#builds.values()].map((build) => build.done));
    await this.#watcher?.close();
  }

  #fresh(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.isFresh(performance.now(), this.#options) ? entry : undefined;
  }

  async #current(wanted: Name): Promise<Entry> {
    const key = keyOf(wanted);
    for (let running = this.#builds.get(key); running; running = this.#builds.get(key)) {
      const entry = await running.done;
      // That build began before this call: it may have read files that were changed since.
      if (entry.look(performance.now())) return entry;
    }
    return await this.#begin(key, wanted).done;
  }

  #begin(key: string, wanted: Name): Build {
    const touched = new Set<string>();
    const work = () => this.#build(key, wanted, touched);
    const done = this.#gate.run(work).finally(() => this.#builds.delete(key));
    const build = { done, touched };
    this.#builds.set(key, build);
    return build;
  }

  async #build(key: string, wanted: Name, touched: ReadonlySet<string>): Promise<Entry> {
    const began = performance.now();
    await this.#prepare();
    const built = await this.#builder.build(wanted.name, wanted.namespace);
    const { outcome } = built;
    const code = outcome instanceof AppError ? outcome : { ...outcome, ...wanted };
    const now = performance.now();
    const entry = new Entry(code, built, this.#options.root, now);
    if (touched.size > 0) entry.touch(touched);
    // Names that don't exist aren't kept or reported: anybody can think of any number of them.
    const absent = code instanceof AppError && code.code === "FUNCTION_NOT_FOUND";
    if (absent) await this.#forget(key, wanted);
    else this.#entries.set(key, entry);
    if (!absent) this.#report(wanted, built, now - began);
    return entry;
  }

  async #forget(key: string, wanted: Name): Promise<void> {
    const known = this.#entries.delete(key);
    if (known) await this.#builder.forget(wanted.name, wanted.namespace);
  }

  async #prepare(): Promise<void> {
    const { root, cacheDir } = this.#options;
    this.#swept ??= removeLeftOvers(cacheDir, Date.now()).catch((error) =>
      this.#emit({ type: "uncached", error })
    );
    await this.#swept;
    // Builds at the same time open one watcher; where there is no directory yet, the next tries.
    this.#opening ??= this.#watch(root).finally(() => this.#opening = null);
    await this.#opening;
  }

  async #watch(root: string): Promise<void> {
    this.#watcher ??= await SourceWatcher.open(root, {
      onTouch: (files) => this.#touch(files),
      onFailure: (error) => this.#emit({ type: "unwatched", error }),
    });
  }

  #touch(files: string[]): void {
    for (const entry of this.#entries.values()) entry.touch(files);
    for (const build of this.#builds.values()) for (const file of files) build.touched.add(file);
    this.#emit({ type: "touched", files });
  }

  #report(wanted: Name, { outcome, cached }: Built, durationMs: number): void {
    if (outcome instanceof AppError) this.#emit({ type: "failed", ...wanted, error: outcome });
    else this.#emit({ type: "built", ...wanted, hash: outcome.hash, cached, durationMs });
  }

  #emit(event: CodeEvent): void {
    this.#options.onEvent?.(event);
  }
}
