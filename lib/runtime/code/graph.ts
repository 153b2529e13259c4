/**
 * Reads a function's module graph and refuses what a function may not import.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { AppError } from "../../errors.ts";
import type { SourceNames } from "./source_names.ts";
import { unavailable } from "./deno_tool.ts";

const Target = z.object({
  specifier: z.string().optional(),
  error: z.string().optional(),
  span: z.object({ start: z.object({ line: z.number(), character: z.number() }) }).optional(),
});
const Module = z.object({
  specifier: z.string(),
  local: z.string().nullish(),
  error: z.string().optional(),
  dependencies: z.array(z.object({ specifier: z.string(), code: Target.optional() })).optional(),
});
const Output = z.object({
  roots: z.array(z.string()).min(1),
  modules: z.array(Module),
  redirects: z.record(z.string(), z.string()).default({}),
});

type Module = z.infer<typeof Module>;

/** What a function is made of. Paths are relative to the functions' root. */
export interface Graph {
  /** The files that exist and go into the bundle. */
  readonly inputs: readonly string[];
  /** The files that are imported and don't exist. */
  readonly missing: readonly string[];
  /** Why it can't be bundled, or `null`. */
  readonly failure: AppError | null;
}

interface Walk {
  readonly names: SourceNames;
  readonly modules: ReadonlyMap<string, Module>;
  readonly redirects: Readonly<Record<string, string>>;
  readonly seen: Set<string>;
  readonly inputs: string[];
  readonly missing: string[];
  /** What must be refused whatever else is wrong comes before what is merely broken. */
  readonly refusals: string[];
  readonly errors: string[];
}

/**
 * Reads the output of `deno info --json <file>`.
 *
 * Only imports that exist at run time are followed: a type may come from anywhere.
 *
 * @throws {AppError} BUNDLER_UNAVAILABLE when the output isn't understood.
 */
export function readGraph(json: string, names: SourceNames): Graph {
  const info = parseInfo(json);
  return graphFrom(info, info.roots[0] ?? "", names);
}

/**
 * Reads the graphs of several modules out of the one that imports them all.
 *
 * @param entries `file:` URLs of modules of the graph.
 * @throws {AppError} BUNDLER_UNAVAILABLE when the output isn't understood.
 */
export function readGraphs(
  json: string,
  names: SourceNames,
  entries: readonly string[],
): Graph[] {
  const info = parseInfo(json);
  return entries.map((entry) => graphFrom(info, entry, names));
}

function graphFrom(info: Info, entry: string, names: SourceNames): Graph {
  const walk: Walk = {
    names,
    modules: info.bySpecifier,
    redirects: info.redirects,
    seen: new Set(),
    inputs: [],
    missing: [],
    refusals: [],
    errors: [],
  };
  visit(walk, entry, { position: "", specifier: "" });
  const [first] = [...walk.refusals, ...walk.errors];
  const failure = first === undefined ? null : failureOf(first);
  return { inputs: walk.inputs.toSorted(), missing: walk.missing.toSorted(), failure };
}

/** Deno's output, with its modules by specifier. */
interface Info extends z.infer<typeof Output> {
  readonly bySpecifier: ReadonlyMap<string, Module>;
}

function parseInfo(json: string): Info {
  try {
    const output = Output.parse(JSON.parse(json));
    const bySpecifier = new Map(output.modules.map((module) => [module.specifier, module]));
    return { ...output, bySpecifier };
  } catch (cause) {
    throw unavailable("Deno's module graph could not be read", cause);
  }
}

function failureOf(message: string): AppError {
  const offline = /Failed loading https?:/.test(message);
  if (!offline) return new AppError("FUNCTION_INVALID", message);
  return unavailable(`${message.replace(/https?:\/\/\S+/, "it from the npm registry")}`);
}

function visit(walk: Walk, wanted: string, from: { position: string; specifier: string }): void {
  const specifier = walk.redirects[wanted] ?? wanted;
  if (walk.seen.has(specifier)) return;
  walk.seen.add(specifier);
  const refusal = refusalOf(walk, specifier);
  if (refusal !== null) {
    walk.refusals.push(`${from.position}"${from.specifier}" ${refusal}`);
    return;
  }
  const module = walk.modules.get(specifier);
  const file = specifier.startsWith("file:") ? walk.names.relative(pathOf(specifier)) : null;
  if (module?.error !== undefined) {
    walk.errors.push(messageOf(walk, module.error, from.position));
    if (file !== null) (isMissing(module.error) ? walk.missing : walk.inputs).push(file);
    return;
  }
  if (file !== null) walk.inputs.push(file);
  visitImports(walk, module, file ?? "");
}

function visitImports(walk: Walk, module: Module | undefined, file: string): void {
  for (const { specifier, code } of module?.dependencies ?? []) {
    if (code === undefined) continue;
    const start = code.span?.start;
    const position = start ? `${file}:${start.line + 1}:${start.character + 1}: ` : `${file}: `;
    if (code.error !== undefined) walk.errors.push(messageOf(walk, code.error, position));
    else if (code.specifier !== undefined) visit(walk, code.specifier, { position, specifier });
  }
}

function refusalOf(walk: Walk, specifier: string): string | null {
  if (/^(https?|jsr):/.test(specifier)) {
    return "can't be imported: use an npm: specifier, or a copy in the functions directory";
  }
  if (!specifier.startsWith("file:")) return null;
  return walk.names.relative(pathOf(specifier)) === null
    ? "lies outside the functions directory"
    : null;
}

function pathOf(specifier: string): string {
  try {
    return fileURLToPath(specifier);
  } catch {
    return "";
  }
}

function isMissing(error: string): boolean {
  return error.startsWith("Module not found");
}

function messageOf(walk: Walk, error: string, position: string): string {
  const text = walk.names.clean(error);
  return /at file:\/\/\S+:\d+:\d+/.test(error) ? text : `${position}${text}`;
}
