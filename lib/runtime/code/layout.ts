/**
 * Where functions lie in their directory, as pure rules over relative paths.
 *
 * `<name>.ts` and `<name>/index.ts` have no namespace; the same under `@<namespace>/` has that
 * one. Names that begin with `_` are modules shared between functions, with `.` are nothing.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import { parseNamespace } from "../../resolve/ref.ts";

/** A function's place. */
export interface Located {
  readonly name: string;
  /** The namespace of its folder, or `null` for one directly in the root. */
  readonly namespace: string | null;
  /** Its file, relative to the root, with `/` between the parts. */
  readonly file: string;
}

/** A file that looks like a function and can't be one. */
export interface LayoutProblem {
  readonly file: string;
  /** One sentence for a person. */
  readonly reason: string;
}

/** What a directory holds. */
export interface Listing {
  readonly functions: readonly Located[];
  readonly problems: readonly LayoutProblem[];
}

/** The extensions of a function's file. */
export const EXTENSIONS = ["ts", "tsx", "js", "mjs"] as const;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const FILE = /^(.+)\.(?:ts|tsx|js|mjs)$/;
const NAME_RULE = "the name must be 1 to 63 of A-Z a-z 0-9 _ - and begin with a letter or digit";

/** Whether `name` may be a function's name: `^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`. */
export function isFunctionName(name: string): boolean {
  return NAME.test(name);
}

/** Whether a function could have this name in this namespace; only then are there paths for it. */
export function isPlace(name: string, namespace: string | null): boolean {
  return isFunctionName(name) && (namespace === null || isNamespace(namespace));
}

/**
 * Every path at which the function could lie, relative to the root.
 *
 * @param name Must be a place with `namespace`, see {@linkcode isPlace}.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { candidatePaths } from "./layout.ts";
 *
 * assertEquals(candidatePaths("pay", "shop")[0], "@shop/pay.ts");
 * ```
 */
export function candidatePaths(name: string, namespace: string | null): string[] {
  const base = namespace === null ? name : `@${namespace}/${name}`;
  return [
    ...EXTENSIONS.map((extension) => `${base}.${extension}`),
    ...EXTENSIONS.map((extension) => `${base}/index.${extension}`),
  ];
}

/**
 * Maps a directory listing to functions, sorted by namespace and name.
 *
 * @param files Paths of regular files, relative to the root, with `/` between the parts.
 */
export function functionsIn(files: readonly string[]): Listing {
  const problems: LayoutProblem[] = [];
  const found = new Map<string, Located[]>();
  for (const file of files) {
    const place = placeOf(file);
    if (place === null) continue;
    if ("reason" in place) problems.push(place);
    else found.set(keyOf(place), [...(found.get(keyOf(place)) ?? []), place]);
  }
  for (const [key, same] of found) {
    if (same.length < 2) continue;
    found.delete(key);
    problems.push(...same.map(({ file }) => ({ file, reason: duplicateReason(same) })));
  }
  const functions = [...found.values()].flat();
  functions.sort((a, b) => keyOf(a) < keyOf(b) ? -1 : 1);
  return { functions, problems };
}

/**
 * The error of two files for one function.
 *
 * @param files Both paths, relative to the root.
 */
export function duplicateError(files: readonly Pick<Located, "file">[]): AppError {
  return new AppError("FUNCTION_INVALID", `One function, several files: ${fileList(files)}`);
}

/** The name that a file's path says, whether or not it may be one; `null` for no function's file. */
export function nameSaid(file: string): string | null {
  return readPath(file)?.name ?? null;
}

function readPath(file: string): { name: string; namespace: string | null } | null {
  const parts = file.split("/");
  if (parts.some((part) => part.startsWith("_") || part.startsWith("."))) return null;
  const namespace = parts[0]?.startsWith("@") ? parts.shift()?.slice(1) ?? "" : null;
  const stem = FILE.exec(parts.at(-1) ?? "")?.[1];
  const name = parts.length === 2 && stem === "index" ? parts[0] : stem;
  // A stem with a dot is a companion of a function (types, tests), not one itself.
  if (name === undefined || parts.length > 2 || stem?.includes(".")) return null;
  return parts.length === 2 && stem !== "index" ? null : { name, namespace };
}

function placeOf(file: string): Located | LayoutProblem | null {
  const said = readPath(file);
  if (said === null) return null;
  const { name, namespace } = said;
  if (!isFunctionName(name)) return { file, reason: NAME_RULE };
  if (namespace !== null && !isNamespace(namespace)) {
    return { file, reason: "the folder's name is no namespace" };
  }
  return { name, namespace, file };
}

function isNamespace(text: string): boolean {
  try {
    return parseNamespace(text).length > 0;
  } catch {
    return false;
  }
}

function keyOf(place: Located): string {
  return `${place.namespace === null ? "" : `@${place.namespace}`}/${place.name}`;
}

function duplicateReason(same: readonly Located[]): string {
  return `one function, several files: ${fileList(same)}`;
}

function fileList(places: readonly Pick<Located, "file">[]): string {
  return places.map(({ file }) => file).toSorted().join(", ");
}
