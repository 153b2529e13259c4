/**
 * From a function's file to one JavaScript module.
 *
 * Types aren't checked: a function with a type error runs, as it does under `deno run`.
 *
 * @module
 */
import { relative, resolve } from "node:path";
import { AppError } from "../../errors.ts";
import { bundleFolder, type BundlerOutput, findNpmCache } from "./bundler.ts";
import { runTool, type ToolOptions } from "./deno_tool.ts";
import { digestOf } from "./digest.ts";
import { insideRoot, toSlashes } from "./directory.ts";
import {
  configFiles,
  findConfigs,
  type FunctionConfig,
  type FunctionConfigs,
  importMapOf,
} from "./function_config.ts";
import { readGraph } from "./graph.ts";
import type { Located } from "./layout.ts";
import { type FunctionSettings, readSettings, type SettingsKind } from "./settings.ts";
import { digestsOf, readSources, type Sources, writeSources } from "./snapshot.ts";
import { inlineMap } from "./source_map.ts";
import { SourceNames } from "./source_names.ts";
import { withFolder } from "./work_folder.ts";

/** How functions are bundled. */
export interface BundleOptions extends ToolOptions {
  /** The functions directory, absolute. */
  readonly root: string;
  /** A folder for copies of sources while they are bundled, absolute. Made when absent. */
  readonly cacheDir: string;
  /** Deno's folder of npm packages, absolute; asked of Deno when left out. */
  readonly npmCache?: string;
  /** The scheme of file names in stack traces. `function` when left out. */
  readonly label?: string;
  /** What the directory holds. `functions` when left out. */
  readonly kind?: SettingsKind;
}

/** A bundled function. */
export interface Bundle {
  /** One ES module, not minified, with an inline source map. */
  readonly code: string;
  /** SHA-256 of the code in UTF-8, as 64 hex digits. */
  readonly hash: string;
  /** The files whose change means bundling again, relative to the functions directory. */
  readonly inputs: readonly string[];
  /** The SHA-256 of each input as it was bundled. */
  readonly digests: Readonly<Record<string, string>>;
  /** What the bundler wants a person to know. */
  readonly warnings: readonly string[];
  /** What the function's configuration says about it. */
  readonly settings: FunctionSettings;
}

type Output = Pick<Bundle, "code" | "hash" | "warnings">;

/** What a function consists of, before it is bundled. */
export interface Plan {
  readonly located: Located;
  readonly configs: FunctionConfigs;
  /** Existing files, relative to the root; the function's own and its configuration included. */
  readonly inputs: readonly string[];
  /** Files that are imported and don't exist, relative to the root. */
  readonly missing: readonly string[];
  /** Why it can't be bundled, or `null`. */
  readonly failure: AppError | null;
}

/**
 * Finds what a function consists of.
 *
 * @throws {AppError} FUNCTION_INVALID for a symbolic link or an unusable `deno.json`;
 * BUNDLER_UNAVAILABLE when Deno can't be run.
 */
export async function planBundle(located: Located, options: BundleOptions): Promise<Plan> {
  const root = await Deno.realPath(options.root);
  const entry = await insideRoot(root, located.file);
  const configs = await findConfigs(root, located.file);
  const names = new SourceNames(root, options.npmCache ?? await findNpmCache(options));
  const args = ["info", "--json", ...toolFlags(configs.imports, root)];
  const info = await runTool([...args, entry], { ...options, cwd: root, limitMemory: true });
  if (!info.success) throw failed(names.clean(info.stderr));
  const graph = readGraph(info.stdout, names);
  const inputs = [...graph.inputs, ...configFiles(configs)];
  return { located, configs, ...graph, inputs: [...new Set(inputs)] };
}

/**
 * Bundles what was planned.
 *
 * @throws {AppError} FUNCTION_INVALID with the place relative to the functions directory;
 * BUNDLER_UNAVAILABLE when Deno or the npm registry isn't there.
 */
export async function bundlePlan(plan: Plan, options: BundleOptions): Promise<Bundle> {
  const [outcome] = await bundlePlans([plan], options);
  if (outcome instanceof AppError) throw outcome;
  return outcome!;
}

/**
 * Bundles several functions that have one import map, in one process.
 *
 * @returns For each plan its bundle, or why there is none.
 * @throws {AppError} As {@linkcode bundlePlan}, for what is wrong with all of them.
 */
export async function bundlePlans(
  plans: readonly Plan[],
  options: BundleOptions,
): Promise<(Bundle | AppError)[]> {
  const good = plans.filter(({ failure }) => failure === null);
  const inputs = [...new Set(good.flatMap((plan) => plan.inputs))];
  const sources = await readSources(await Deno.realPath(options.root), inputs);
  // The text that was copied counts, not the one that was planned with.
  const config = copied(good[0]?.configs.imports ?? null, sources);
  const entries = good.map(({ located }) => located.file);
  const built = good.length === 0
    ? []
    : await buildSources(sources, entries, { ...options, config });
  const outputs = new Map(good.map((plan, index) => [plan, built[index]!]));
  return plans.map((plan) => plan.failure ?? complete(plan, outputs.get(plan)!, sources, options));
}

function complete(
  plan: Plan,
  output: Output | AppError,
  sources: Sources,
  { kind = "functions" }: BundleOptions,
): Bundle | AppError {
  if (output instanceof AppError) return output;
  try {
    const settings = readSettings(copied(plan.configs.settings, sources), plan.located, kind);
    const digests = digestsOf(plan.inputs.map((file) => [file, sources.get(file)!]));
    return { ...output, inputs: plan.inputs, digests, settings };
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function copied(config: FunctionConfig | null, sources: Sources): FunctionConfig | null {
  if (config === null) return null;
  return { file: config.file, text: new TextDecoder().decode(sources.get(config.file)) };
}

/**
 * Plans and bundles a function.
 *
 * Needs to run `deno`, to read the functions directory and to write `cacheDir`.
 *
 * @throws {AppError} As {@linkcode planBundle} and {@linkcode bundlePlan}.
 */
export async function bundle(located: Located, options: BundleOptions): Promise<Bundle> {
  return await bundlePlan(await planBundle(located, options), options);
}

/**
 * Bundles a trivial module, so that the first function doesn't wait for the bundler's download.
 *
 * @throws {AppError} BUNDLER_UNAVAILABLE when the bundler can't be brought.
 */
export async function prewarm(options: Omit<BundleOptions, "root">): Promise<void> {
  const source = new TextEncoder().encode("export default 0;\n");
  const sources = new Map([["prewarm.js", source]]);
  const [outcome] = await buildSources(sources, ["prewarm.js"], { ...options, config: null });
  if (outcome instanceof AppError) throw outcome;
}

async function buildSources(
  sources: Sources,
  entries: readonly string[],
  options: Omit<BundleOptions, "root"> & { readonly config: FunctionConfig | null },
): Promise<(Output | AppError)[]> {
  const npmCache = options.npmCache ?? await findNpmCache(options);
  return await withFolder(options.cacheDir, async (folder) => {
    const copy = `${folder}/src`;
    await Deno.mkdir(copy, { mode: 0o700 });
    await writeSources(copy, sources);
    const flags = toolFlags(options.config, copy);
    const outputs = await bundleFolder(entries, { ...options, folder, flags, npmCache });
    const context = { npmCache, label: options.label ?? "function" };
    return outputs.map((output) => toBundle(output, folder, context));
  });
}

/** The flags with which Deno's tools see a function as the bundler does. */
export function toolFlags(config: FunctionConfig | null, root: string): string[] {
  const flags = ["--no-lock", "--no-remote", "--node-modules-dir=none", "--unstable-raw-imports"];
  const map = config === null ? [] : ["--import-map", importMapOf(config, root)];
  return [...flags, "--no-config", ...map];
}

function toBundle(
  output: BundlerOutput,
  folder: string,
  context: { readonly npmCache: string; readonly label: string },
): Output | AppError {
  const names = new SourceNames(`${folder}/src`, context.npmCache);
  const [error] = output.errors;
  if (error !== undefined) return failed(describe(error, folder, names));
  if (!output.success) return failed("The bundler gave no reason");
  const map = inlineMap(output.map, `${folder}/out`, { names, label: context.label });
  // Deno names packages in comments and function names by their way to its cache.
  const way = `${toSlashes(relative(`${folder}/src`, context.npmCache))}/`;
  const code = output.code.replaceAll(way, "npm/") + map;
  const warnings = output.warnings.map((each) => describe(each, folder, names));
  return { code, hash: digestOf(code), warnings };
}

function describe(
  message: BundlerOutput["errors"][number],
  folder: string,
  names: SourceNames,
): string {
  const file = message.file === null ? null : names.nameOf(resolve(`${folder}/src`, message.file));
  const denied = /^Requires read access to /.test(message.text);
  const text = denied
    ? "imports a file outside the functions directory"
    : names.clean(message.text);
  return file === null || text.startsWith(`${file}:`) ? text : `${file}: ${text}`;
}

function failed(message: string): AppError {
  return new AppError("FUNCTION_INVALID", message);
}
