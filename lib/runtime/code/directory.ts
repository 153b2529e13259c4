/**
 * Finds and lists functions in a directory on disk.
 *
 * @module
 */
import { AppError } from "../../errors.ts";
import {
  candidatePaths,
  duplicateError,
  functionsIn,
  isPlace,
  type LayoutProblem,
  type Listing,
  type Located,
} from "./layout.ts";

/**
 * Looks one function up by a fixed number of file look-ups, never by a scan.
 *
 * A name that breaks the rule is not found rather than invalid: it can't exist.
 *
 * @param root The functions directory, absolute.
 * @param namespace Only this namespace is looked at; `null` means none.
 * @throws {AppError} FUNCTION_INVALID for two files or a symbolic link.
 */
export async function findFunction(
  root: string,
  name: string,
  namespace: string | null,
): Promise<Located | null> {
  if (!isPlace(name, namespace)) return null;
  const files = candidatePaths(name, namespace);
  const kinds = await Promise.all(files.map((file) => kindOf(`${root}/${file}`)));
  const link = files[kinds.indexOf("link")];
  if (link !== undefined) throw linkError(link);
  const present = files.filter((_, index) => kinds[index] === "file");
  const [file] = present;
  if (file === undefined) return null;
  if (present.length > 1) throw duplicateError(present.map((path) => ({ file: path })));
  await insideRoot(root, file);
  return { name, namespace, file };
}

/**
 * Lists every function of a directory, with what can't be one and why.
 *
 * A root that doesn't exist is empty. At most three levels are read.
 */
export async function listFunctions(root: string): Promise<Listing> {
  const files: string[] = [];
  const links: LayoutProblem[] = [];
  await walk(root, "", 0, files, links);
  const listing = functionsIn(files);
  return { functions: listing.functions, problems: [...links, ...listing.problems] };
}

/**
 * The real path of a file whose every part below the root is itself, not a link to elsewhere.
 *
 * @param root The functions directory, absolute and real.
 * @param file Relative to the root.
 * @throws {AppError} FUNCTION_INVALID when a part of the path is a symbolic link.
 */
export async function insideRoot(root: string, file: string): Promise<string> {
  const base = await Deno.realPath(root);
  const real = await Deno.realPath(`${root}/${file}`);
  if (toSlashes(real) !== `${toSlashes(base)}/${file}`) throw linkError(file);
  return real;
}

/** A path with `/` between its parts. */
export function toSlashes(path: string): string {
  return Deno.build.os === "windows" ? path.replaceAll("\\", "/") : path;
}

function linkError(file: string): AppError {
  return new AppError("FUNCTION_INVALID", `${file}: symbolic links are not followed`);
}

async function kindOf(path: string): Promise<"file" | "link" | null> {
  try {
    const info = await Deno.lstat(path);
    return info.isSymlink ? "link" : info.isFile ? "file" : null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** Whether an error of the file system says that there is nothing at the path. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

async function walk(
  root: string,
  folder: string,
  depth: number,
  files: string[],
  links: LayoutProblem[],
): Promise<void> {
  for (const entry of await entriesOf(`${root}/${folder}`)) {
    if (entry.name.startsWith("_") || entry.name.startsWith(".")) continue;
    const path = `${folder}${entry.name}`;
    if (entry.isSymlink) links.push({ file: path, reason: "symbolic links are not followed" });
    else if (entry.isFile) files.push(path);
    else if (entry.isDirectory && depth < 2) {
      await walk(root, `${path}/`, depth + 1, files, links);
    }
  }
}

async function entriesOf(path: string): Promise<Deno.DirEntry[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.toSorted((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
