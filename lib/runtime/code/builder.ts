/**
 * Gets a function's bundle from the disk cache when its sources are unchanged, else makes it.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import { type Bundle, type BundleOptions, bundlePlan, type Plan, planBundle } from "./bundle.ts";
import { findNpmCache } from "./bundler.ts";
import { bundleMany } from "./batch.ts";
import { type CachedBundle, DiskCache } from "./disk_cache.ts";
import { findFunction, isAbsent } from "./directory.ts";
import { fingerprint } from "./fingerprint.ts";
import { configPaths, findConfigs } from "./function_config.ts";
import type { Gate } from "./gate.ts";
import { candidatePaths, isPlace, type Located } from "./layout.ts";
import { digestsOf, readSources } from "./snapshot.ts";

/** What a build came to. */
export interface Built {
  /** The bundle, or why there is none. */
  readonly outcome: Bundle | AppError;
  /** Whether it came from the disk cache. */
  readonly cached: boolean;
  /** Every file whose appearing, changing or going may change the outcome, relative to the root. */
  readonly watch: readonly string[];
  /** The state of `watch` from before the sources were read. */
  readonly print: string;
}

/** Builds functions of one directory. */
export class Builder {
  readonly #options: BundleOptions;
  readonly #cache: DiskCache;
  readonly #noun: string;
  readonly #onUncached: (error: unknown) => void;
  #npmCache: Promise<string> | null = null;

  /** @param onUncached Called when a bundle could not be kept on disk. */
  constructor(
    options: BundleOptions & { readonly noun?: string },
    onUncached: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#cache = new DiskCache(options.cacheDir);
    this.#noun = options.noun ?? "Function";
    this.#onUncached = onUncached;
  }

  /** Builds a function. Never throws: an error is an outcome, and has files to watch as well. */
  async build(name: string, namespace: string | null): Promise<Built> {
    if (!isPlace(name, namespace)) {
      return { outcome: this.#notFound(), cached: false, watch: [], print: "" };
    }
    const places = candidatePaths(name, namespace);
    const watch = [...places, ...configPaths(places.at(-1) ?? "")];
    const print = fingerprint(this.#options.root, watch);
    try {
      const located = await findFunction(this.#options.root, name, namespace);
      if (located === null) throw this.#notFound();
      return await this.#fromCache(located, watch) ?? await this.#fromSources(located, watch);
    } catch (error) {
      return { outcome: asAppError(error), cached: false, watch, print };
    }
  }

  /**
   * Builds several functions of a directory that nobody else writes to; see {@linkcode bundleMany}.
   *
   * @returns One outcome for each function, in their order.
   */
  async buildAll(functions: readonly Located[], gate: Gate): Promise<(Bundle | AppError)[]> {
    const known = new Map<Located, Bundle | AppError>();
    for (const located of functions) {
      const built = await this.#fromCache(located, []);
      if (built !== null) known.set(located, built.outcome);
    }
    const rest = functions.filter((located) => !known.has(located));
    const options = { ...this.#options, npmCache: await this.#findNpmCache() };
    const made = await bundleMany(rest, options, gate);
    for (const [at, { plan, outcome }] of made.entries()) {
      known.set(rest[at]!, outcome);
      if (plan !== null && !(outcome instanceof AppError)) await this.#keep(plan, outcome);
    }
    return functions.map((located) => known.get(located)!);
  }

  /** Forgets what is on disk about a function. */
  async forget(name: string, namespace: string | null): Promise<void> {
    await this.#cache.remove(keyOf({ name, namespace }));
  }

  async #fromCache(located: Located, places: readonly string[]): Promise<Built | null> {
    const cached = await this.#cache.load(keyOf(located));
    if (cached === null || cached.tool !== Deno.version.deno) return null;
    const inputs = Object.keys(cached.digests);
    const watch = union(places, inputs);
    const print = fingerprint(this.#options.root, watch);
    if (!await this.#isCurrent(cached, located)) return null;
    const { code, hash, warnings, digests, settings } = cached;
    return {
      outcome: { code, hash, inputs, digests, warnings, settings },
      cached: true,
      watch,
      print,
    };
  }

  /** The same sources, configuration included, give the same graph and so the same bundle. */
  async #isCurrent(cached: CachedBundle, located: Located): Promise<boolean> {
    const { root } = this.#options;
    if (cached.file !== located.file) return false;
    try {
      const { imports, settings } = await findConfigs(root, located.file);
      if (cached.config !== (imports?.file ?? null)) return false;
      if (cached.settingsFile !== (settings?.file ?? null)) return false;
      const real = await Deno.realPath(root);
      const digests = digestsOf(await readSources(real, Object.keys(cached.digests)));
      return Object.entries(cached.digests).every(([file, digest]) => digests[file] === digest);
    } catch (error) {
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  async #fromSources(located: Located, places: readonly string[]): Promise<Built> {
    const options = { ...this.#options, npmCache: await this.#findNpmCache() };
    const plan = await planBundle(located, options);
    const watch = union(places, [...plan.inputs, ...plan.missing]);
    const print = fingerprint(this.#options.root, watch);
    try {
      const bundle = await bundlePlan(plan, options);
      await this.#keep(plan, bundle);
      return { outcome: bundle, cached: false, watch, print };
    } catch (error) {
      return { outcome: asAppError(error), cached: false, watch, print };
    }
  }

  async #keep({ located, configs }: Plan, bundle: Bundle): Promise<void> {
    const about = { format: 2, tool: Deno.version.deno, file: located.file } as const;
    const { code, hash, warnings, digests, settings } = bundle;
    const made = {
      ...about,
      config: configs.imports?.file ?? null,
      settingsFile: configs.settings?.file ?? null,
      settings,
      digests,
      hash,
      code,
      warnings: [...warnings],
    };
    try {
      await this.#cache.store(keyOf(located), made);
    } catch (error) {
      this.#onUncached(error);
    }
  }

  #notFound(): AppError {
    return new AppError("FUNCTION_NOT_FOUND", `${this.#noun} not found`);
  }

  async #findNpmCache(): Promise<string> {
    this.#npmCache ??= findNpmCache(this.#options);
    try {
      return await this.#npmCache;
    } catch (error) {
      this.#npmCache = null;
      throw error;
    }
  }
}

/** A function's name with its namespace, as one text. */
export function keyOf(place: Pick<Located, "name" | "namespace">): string {
  return place.namespace === null ? place.name : `@${place.namespace}/${place.name}`;
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  // A file that went while it was read: the next look finds what is there then.
  if (isAbsent(error)) return new AppError("FUNCTION_INVALID", "A source file went away");
  return new AppError("INTERNAL_ERROR", "The function could not be built", { cause: error });
}
