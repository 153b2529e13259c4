/**
 * The `deno.json` of a function: the nearest one between its file and the functions' root.
 *
 * Its import map is taken over, and handed to Deno as one: given the file itself, Deno goes on to
 * look for a workspace in the folders above. Keys that would bring in other folders are refused. The
 * function's settings come from the nearest one that has some: a file that is there for its imports
 * alone must not open what the one above it closes.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { parse } from "@std/jsonc";
import { AppError } from "../../errors.ts";
import { insideRoot, isAbsent } from "./directory.ts";

/** A configuration as it lies on disk. */
export interface FunctionConfig {
  /** Its path, relative to the functions' root. */
  readonly file: string;
  /** JSON with comments. */
  readonly text: string;
}

/** What a function's configuration consists of; often one file is both. */
export interface FunctionConfigs {
  /** The nearest configuration. */
  readonly imports: FunctionConfig | null;
  /** The nearest one that has settings. */
  readonly settings: FunctionConfig | null;
}

/** The key of a function's settings. */
export const SETTINGS_KEY = "fluxbase";

const REFUSED = ["importMap", "workspace", "links", "patch"] as const;
/** Characters of an import map: it is handed over in an argument, and those have a limit. */
const LIMIT = 64 * 1024;

/**
 * Every place where a function's configuration could lie, nearest first.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { configPaths } from "./function_config.ts";
 *
 * assertEquals(configPaths("a/index.ts"), ["a/deno.json", "a/deno.jsonc", "deno.json", "deno.jsonc"]);
 * ```
 */
export function configPaths(file: string): string[] {
  const folders = file.split("/").slice(0, -1);
  const paths: string[] = [];
  for (let depth = folders.length; depth >= 0; depth--) {
    const folder = folders.slice(0, depth).map((part) => `${part}/`).join("");
    paths.push(`${folder}deno.json`, `${folder}deno.jsonc`);
  }
  return paths;
}

/**
 * Finds a function's configuration.
 *
 * @param root The functions directory, absolute and real.
 * @throws {AppError} FUNCTION_INVALID when it is a symbolic link or holds a refused key.
 */
export async function findConfigs(root: string, file: string): Promise<FunctionConfigs> {
  let imports: FunctionConfig | null = null;
  for (const path of configPaths(file)) {
    const config = await readConfig(root, path);
    if (config === null) continue;
    if (imports === null) importMapOf(config, root);
    imports ??= config;
    if (parseObject(config.text, path)[SETTINGS_KEY] !== undefined) {
      return { imports, settings: config };
    }
  }
  return { imports, settings: null };
}

/** The files of a configuration, each once. */
export function configFiles({ imports, settings }: FunctionConfigs): string[] {
  return [...new Set([imports, settings].flatMap((config) => config?.file ?? []))];
}

async function readConfig(root: string, path: string): Promise<FunctionConfig | null> {
  try {
    await insideRoot(root, path);
    return { file: path, text: await Deno.readTextFile(`${root}/${path}`) };
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/**
 * The import map of a configuration as a `data:` URL, with absolute addresses.
 *
 * @param root What the configuration's path is relative to, absolute.
 * @throws {AppError} FUNCTION_INVALID when the file isn't an object or holds a refused key.
 */
export function importMapOf(config: FunctionConfig, root: string): string {
  const { file } = config;
  const content = parseObject(config.text, file);
  const refused = REFUSED.find((key) => content[key] !== undefined);
  if (refused !== undefined) throw invalid(file, `"${refused}" is not supported; use "imports"`);
  const base = pathToFileURL(`${root}/${file}`);
  const scopes = objectOf(content["scopes"]);
  const map = JSON.stringify({
    imports: absolute(objectOf(content["imports"]), base),
    scopes: Object.fromEntries(
      Object.entries(scopes).map(([scope, imports]) => [
        rebase(scope, base),
        absolute(objectOf(imports), base),
      ]),
    ),
  });
  const url = `data:application/json,${encodeURIComponent(map)}`;
  if (url.length > LIMIT) throw invalid(file, "the import map is over 64 KiB");
  return url;
}

function absolute(imports: Record<string, unknown>, base: URL): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, address] of Object.entries(imports)) {
    result[rebase(name, base)] = rebase(address, base);
    // As in a deno.json, and other than in a plain import map, a package brings its subpaths.
    if (typeof address === "string" && /^npm:[^/].*[^/]$/.test(address) && !name.endsWith("/")) {
      result[`${name}/`] ??= `npm:/${address.slice("npm:".length)}/`;
    }
  }
  return result;
}

function rebase<T>(address: T, base: URL): T | string {
  if (typeof address !== "string" || !/^\.{0,2}\//.test(address)) return address;
  return new URL(address, base).href;
}

/**
 * The content of a configuration.
 *
 * @throws {AppError} FUNCTION_INVALID when it isn't one JSON object.
 */
export function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw invalid(file, "is not valid JSON");
  }
  if (isObject(value)) return value;
  throw invalid(file, "must hold one JSON object");
}

function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(file: string, reason: string): AppError {
  return new AppError("FUNCTION_INVALID", `${file}: ${reason}`);
}
