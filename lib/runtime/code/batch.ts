/**
 * Bundles many functions of a directory at once: one look at their module graphs and a few bundler
 * processes, instead of two processes for each function.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { AppError } from "../../errors.ts";
import {
  type Bundle,
  type BundleOptions,
  bundlePlan,
  bundlePlans,
  type Plan,
  planBundle,
  toolFlags,
} from "./bundle.ts";
import { findNpmCache } from "./bundler.ts";
import { runTool } from "./deno_tool.ts";
import { configFiles, findConfigs, type FunctionConfigs } from "./function_config.ts";
import type { Gate } from "./gate.ts";
import { readGraphs } from "./graph.ts";
import type { Located } from "./layout.ts";
import { SourceNames } from "./source_names.ts";

/** What became of one function. */
export interface BatchOutcome {
  /** `null` when it could not even be planned. */
  readonly plan: Plan | null;
  readonly outcome: Bundle | AppError;
}

/** Functions of one bundler process: what it prints must not get too long. */
const BATCH = 8;

interface Found {
  readonly located: Located;
  readonly configs: FunctionConfigs;
}

/**
 * Bundles functions.
 *
 * @param options `root` must be a real path that nobody else writes to: a module that imports all
 * functions is put there for the time.
 * @param gate How many processes run at once.
 * @returns One outcome for each function, in their order.
 */
export async function bundleMany(
  functions: readonly Located[],
  options: BundleOptions,
  gate: Gate,
): Promise<BatchOutcome[]> {
  const npmCache = options.npmCache ?? await findNpmCache(options);
  const run = { ...options, npmCache };
  const outcomes = new Map<Located, BatchOutcome>();
  const groups = new Map<string, Found[]>();
  for (const located of functions) {
    try {
      const configs = await findConfigs(options.root, located.file);
      const key = configs.imports?.file ?? "";
      groups.set(key, [...(groups.get(key) ?? []), { located, configs }]);
    } catch (error) {
      outcomes.set(located, { plan: null, outcome: asAppError(error) });
    }
  }
  await Promise.all([...groups.values()].map(async (group, index) => {
    for (const each of await bundleGroup(group, index, run, gate)) outcomes.set(...each);
  }));
  return functions.map((located) => outcomes.get(located)!);
}

type Entry = [Located, BatchOutcome];

/** Functions with one import map. */
async function bundleGroup(
  group: readonly Found[],
  index: number,
  options: BundleOptions & { readonly npmCache: string },
  gate: Gate,
): Promise<Entry[]> {
  const plans = await gate.run(() => planGroup(group, index, options)).catch(() => null);
  const batches = Array.from(
    { length: Math.ceil(group.length / BATCH) },
    (_, batch) => group.slice(batch * BATCH, (batch + 1) * BATCH),
  );
  const done = await Promise.all(batches.map((batch) =>
    gate.run(async () => {
      const planned = batch.map(({ located }) => plans?.get(located));
      return await bundleBatch(batch, planned, options);
    })
  ));
  return done.flat();
}

async function planGroup(
  group: readonly Found[],
  index: number,
  options: BundleOptions & { readonly npmCache: string },
): Promise<Map<Located, Plan>> {
  const { root } = options;
  const names = new SourceNames(root, options.npmCache);
  // Hidden, so that it is no function and no upload can have it.
  const all = `${root}/.all-${index}.mjs`;
  const urls = group.map(({ located }) => pathToFileURL(`${root}/${located.file}`).href);
  await Deno.writeTextFile(all, urls.map((url) => `import ${JSON.stringify(url)};\n`).join(""));
  const flags = toolFlags(group[0]!.configs.imports, root);
  const tool = { ...options, cwd: root, limitMemory: true };
  const info = await runTool(["info", "--json", ...flags, all], tool);
  const graphs = readGraphs(info.stdout, names, urls);
  return new Map(group.map(({ located, configs }, at) => {
    const graph = graphs[at]!;
    const inputs = [...new Set([...graph.inputs, ...configFiles(configs)])];
    return [located, { located, configs, ...graph, inputs }];
  }));
}

/** What is wrong with a batch as a whole is told of each of its functions by itself. */
async function bundleBatch(
  batch: readonly Found[],
  plans: readonly (Plan | undefined)[],
  options: BundleOptions,
): Promise<Entry[]> {
  const known = plans.filter((plan) => plan !== undefined);
  if (known.length === batch.length) {
    try {
      const outcomes = await bundlePlans(known, options);
      return known.map((plan, at) => [plan.located, { plan, outcome: outcomes[at]! }]);
    } catch {
      // One by one, each with its own error.
    }
  }
  const entries: Entry[] = [];
  for (const { located } of batch) entries.push([located, await bundleOne(located, options)]);
  return entries;
}

async function bundleOne(located: Located, options: BundleOptions): Promise<BatchOutcome> {
  try {
    const plan = await planBundle(located, options);
    return { plan, outcome: await bundlePlan(plan, options) };
  } catch (error) {
    return { plan: null, outcome: asAppError(error) };
  }
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("INTERNAL_ERROR", "The function could not be built", { cause: error });
}
