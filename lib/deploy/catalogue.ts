/**
 * Everything that can be called: what is deployed, and the files of the working directory that
 * nothing deployed takes the place of.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Located } from "../runtime/code/layout.ts";
import type { FunctionSettings } from "../runtime/code/settings.ts";
import type { Broken, Deployed } from "./deployed_code.ts";
import { labelOf } from "./rows.ts";

/** One entry of a list. */
export interface Listed {
  readonly name: string;
  readonly namespace: string | null;
  readonly source: "deployed" | "directory";
  /** The version that is served; `null` for a file. */
  readonly version: number | null;
  /** When that version was deployed; `null` for a file. */
  readonly updatedAt: Date | null;
  /** Whether what is stored is not as it was written, so that it isn't served. */
  readonly tampered: boolean;
}

/** An entry with what it says about itself, or why it can't be served as it stands. */
export interface Described extends Listed {
  readonly settings: FunctionSettings | AppError;
}

/** A name and its namespace. */
type Named = Pick<Listed, "name" | "namespace">;

/** What a {@linkcode Catalogue} lists. */
export interface CatalogueParts {
  readonly deployed: { list(): Promise<(Deployed | Broken)[]> };
  readonly directory: {
    list(): Promise<{ readonly functions: readonly Located[] }>;
    /** @throws {AppError} FUNCTION_INVALID. */
    settings(located: Located): Promise<FunctionSettings>;
  };
}

/** Lists deployed code and that of a directory. */
export class Catalogue {
  readonly #parts: CatalogueParts;

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  /** Every entry, sorted by namespace and name. */
  async list(): Promise<{ functions: Listed[] }> {
    const { deployed, files } = await this.#find();
    return { functions: sorted([...deployed.map(listed), ...files.map(ofDirectory)]) };
  }

  /** Every entry with its settings, sorted by namespace and name; builds nothing. */
  async describe(): Promise<Described[]> {
    const { deployed, files } = await this.#find();
    const ofFiles = files.map(async (file) => {
      const settings = this.#parts.directory.settings(file).catch(asAppError);
      return { ...ofDirectory(file), settings: await settings };
    });
    const ofDeployed = deployed.map((entry) => ({
      ...listed(entry),
      settings: "error" in entry ? entry.error : entry.settings,
    }));
    return sorted([...ofDeployed, ...await Promise.all(ofFiles)]);
  }

  async #find(): Promise<{ deployed: (Deployed | Broken)[]; files: Located[] }> {
    const deployed = await this.#parts.deployed.list();
    const taken = new Set(deployed.map((entry) => labelOf(placeOf(entry))));
    const { functions } = await this.#parts.directory.list();
    return { deployed, files: functions.filter((each) => !taken.has(labelOf(each))) };
  }
}

function placeOf(entry: Deployed | Broken): Named {
  return "error" in entry ? entry : entry.row;
}

function sorted<T extends Named>(entries: readonly T[]): T[] {
  const key = ({ namespace, name }: Named) => `${namespace ?? ""}/${name}`;
  return entries.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}

function listed(entry: Deployed | Broken): Listed {
  const source = "deployed" as const;
  if ("error" in entry) {
    const { name, namespace } = entry;
    return { name, namespace, source, version: null, updatedAt: null, tampered: true };
  }
  const { name, namespace, version, updatedAt } = entry.row;
  return { name, namespace, source, version, updatedAt, tampered: false };
}

function ofDirectory({ name, namespace }: Named): Listed {
  return {
    name,
    namespace,
    source: "directory",
    version: null,
    updatedAt: null,
    tampered: false,
  };
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  throw error;
}
