/**
 * From uploaded sources to bundles: everything is checked and built before anything is stored.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { Bundle, BundleOptions } from "../runtime/code/bundle.ts";
import { Builder } from "../runtime/code/builder.ts";
import { listFunctions } from "../runtime/code/directory.ts";
import { configPaths, parseObject, SETTINGS_KEY } from "../runtime/code/function_config.ts";
import { Gate } from "../runtime/code/gate.ts";
import { type Located, nameSaid } from "../runtime/code/layout.ts";
import { namesWithSettings } from "../runtime/code/settings.ts";
import { withFolder } from "../runtime/code/work_folder.ts";
import type { CodeKind } from "../store/deployment_rows.ts";
import { handlerProblem } from "./exports.ts";
import { checkUpload, type UploadedFile, writeUpload } from "./upload.ts";

/** Which parts of an upload are deployed, and where. */
export interface Selection {
  /**
   * Where everything goes: then the code of the folder `@<namespace>` is taken, and that without
   * a namespace where the folder has none of the name. `null`: each goes where its folder says.
   */
  readonly namespace: Namespace | null;
  /** Only code of these names; every one when left out. */
  readonly names?: readonly string[];
}

/** Code that is to be deployed, and where. */
export interface Selected {
  readonly name: string;
  readonly namespace: Namespace | null;
  readonly located: Located;
}

/** Built code. */
export interface BuiltCode extends Selected {
  readonly bundle: Bundle;
}

/** How uploads are built. */
export interface BuildOptions extends Omit<BundleOptions, "root" | "kind" | "npmCache"> {
  /** How many are built at once. 2 when left out. */
  readonly concurrency?: number;
}

/** Most problems that one message tells of. */
const MOST_PROBLEMS = 20;

/**
 * Builds what `selection` takes of an upload.
 *
 * @param admit Called with what will be built, before anything is; throws to refuse it.
 * @throws {AppError} DEPLOY_REFUSED with one line for each problem, as `file:line:column: reason`;
 * BUNDLER_UNAVAILABLE; FUNCTION_NOT_FOUND for a name that isn't there.
 */
export async function buildUpload(
  kind: CodeKind,
  files: readonly UploadedFile[],
  selection: Selection,
  options: BuildOptions,
  admit: (selected: readonly Selected[]) => void,
): Promise<BuiltCode[]> {
  checkUpload(files);
  return await withFolder(options.cacheDir, async (folder) => {
    const root = `${folder}/upload`;
    await Deno.mkdir(root, { mode: 0o700 });
    await writeUpload(root, files);
    const { functions, problems } = await listFunctions(root);
    const wrong = problems.filter(({ file }) => concerns(selection, file))
      .map(({ file, reason }) => `${file}: ${reason}`);
    wrong.push(...settingsProblems(kind, files, functions));
    if (wrong.length > 0) throw refused(wrong);
    const selected = select(functions, selection, kind);
    admit(selected);
    return await buildAll(kind, selected, { ...options, root });
  });
}

/** Whether a file that can't be deployed stands in the way: not when others alone are wanted. */
function concerns({ names }: Selection, file: string): boolean {
  const name = nameSaid(file);
  return names === undefined || name === null || names.includes(name);
}

/** Applies a selection to what was found. */
function select(found: readonly Located[], selection: Selection, kind: CodeKind): Selected[] {
  const { namespace, names } = selection;
  const places = namespace === null ? found.map(ownPlace) : intoNamespace(found, namespace);
  if (places.length === 0) throw refused([`There is no ${kind} to deploy`]);
  if (names === undefined) return places;
  const missing = names.find((name) => !places.some((place) => place.name === name));
  if (missing === undefined) return places.filter(({ name }) => names.includes(name));
  throw new AppError("FUNCTION_NOT_FOUND", `There is no such ${kind} in what was uploaded`);
}

function ownPlace(located: Located): Selected {
  return { name: located.name, namespace: located.namespace as Namespace | null, located };
}

function intoNamespace(found: readonly Located[], namespace: Namespace): Selected[] {
  const taken = new Map<string, Located>();
  for (const located of found) {
    if (located.namespace === null && !taken.has(located.name)) taken.set(located.name, located);
    if (located.namespace === namespace) taken.set(located.name, located);
  }
  return [...taken.values()].map((located) => ({ name: located.name, namespace, located }));
}

/** Settings for a name that isn't there are a slip: what they were to close stays open. */
function settingsProblems(
  kind: CodeKind,
  files: readonly UploadedFile[],
  found: readonly Located[],
): string[] {
  const known = new Set(found.flatMap(({ name, namespace }) => [name, `@${namespace}/${name}`]));
  const configs = new Set(found.flatMap(({ file }) => configPaths(file)));
  return files.filter(({ path }) => configs.has(path)).flatMap(({ path, bytes }) => {
    const config = { file: path, text: new TextDecoder().decode(bytes) };
    try {
      if (parseObject(config.text, path)[SETTINGS_KEY] === undefined) return [];
      const strange = namesWithSettings(config, `${kind}s`).filter((name) => !known.has(name));
      return strange.map((name) => `${path}: ${SETTINGS_KEY}.${kind}s.${name} is no ${kind}`);
    } catch (error) {
      return [messageOf(error)];
    }
  });
}

async function buildAll(
  kind: CodeKind,
  selected: readonly Selected[],
  options: BuildOptions & { readonly root: string },
): Promise<BuiltCode[]> {
  const noun = kind === "function" ? "Function" : "Job";
  const builder = new Builder({ ...options, kind: `${kind}s`, noun }, () => {});
  const gate = new Gate(options.concurrency ?? 2);
  const outcomes = await builder.buildAll(selected.map(({ located }) => located), gate);
  const built = outcomes.map((outcome, at) => withHandler(outcome, selected[at]!.located));
  const failures = built.filter((outcome) => outcome instanceof AppError);
  const other = failures.find(({ code }) => code !== "FUNCTION_INVALID");
  if (other !== undefined) throw other;
  if (failures.length > 0) throw refused([...new Set(failures.map(messageOf))]);
  return selected.map((each, index) => ({ ...each, bundle: built[index] as Bundle }));
}

function withHandler(outcome: Bundle | AppError, { file }: Located): Bundle | AppError {
  const problem = outcome instanceof AppError ? null : handlerProblem(outcome.code);
  return problem === null ? outcome : new AppError("FUNCTION_INVALID", `${file}: ${problem}`);
}

function messageOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  throw error;
}

function refused(problems: readonly string[]): AppError {
  const more = problems.length - MOST_PROBLEMS;
  const shown = problems.slice(0, MOST_PROBLEMS);
  return new AppError(
    "DEPLOY_REFUSED",
    [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join("\n"),
  );
}
