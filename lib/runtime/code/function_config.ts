/**
 * The `deno.json` of a function: the nearest one between its file and the functions' root.
 *
 * Only what changes the meaning of an import or of JSX is taken over. Keys that would bring in
 * other folders are refused, since they would reach past the functions directory.
 *
 * @module
 */
import { parse } from "@std/jsonc";
import { AppError } from "../../errors.ts";
import { insideRoot, isAbsent } from "./directory.ts";

/** A configuration as it lies on disk. */
export interface FunctionConfig {
  /** Its path, relative to the functions' root. */
  readonly file: string;
}

const REFUSED = ["importMap", "workspace", "links", "patch"] as const;
const TAKEN = ["imports", "scopes"] as const;
const JSX = ["jsx", "jsxFactory", "jsxFragmentFactory", "jsxImportSource"] as const;

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
 * Finds the nearest configuration.
 *
 * @param root The functions directory, absolute and real.
 * @throws {AppError} FUNCTION_INVALID when it is a symbolic link or holds a refused key.
 */
export async function findConfig(root: string, file: string): Promise<FunctionConfig | null> {
  for (const path of configPaths(file)) {
    try {
      await insideRoot(root, path);
      reduceConfig(await Deno.readTextFile(`${root}/${path}`), path);
      return { file: path };
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return null;
}

/**
 * The part of a configuration that bundling honours, as JSON text.
 *
 * @param text JSON with comments.
 * @param file Its relative path, for messages.
 * @throws {AppError} FUNCTION_INVALID when it isn't an object or holds a refused key.
 */
export function reduceConfig(text: string, file: string): string {
  const config = parseObject(text, file);
  const refused = REFUSED.find((key) => config[key] !== undefined);
  if (refused !== undefined) {
    throw new AppError("FUNCTION_INVALID", `${file}: "${refused}" is not supported; use "imports"`);
  }
  const compiler = config["compilerOptions"];
  const options = isObject(compiler) ? pick(compiler, JSX) : {};
  return JSON.stringify({ ...pick(config, TAKEN), compilerOptions: options });
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw new AppError("FUNCTION_INVALID", `${file}: is not valid JSON`);
  }
  if (isObject(value)) return value;
  throw new AppError("FUNCTION_INVALID", `${file}: must hold one JSON object`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pick(from: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  );
}
