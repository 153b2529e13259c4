/**
 * Everything that can be called: what is deployed, and the files of the working directory that
 * nothing deployed takes the place of.
 *
 * @module
 */
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

/** A name and its namespace. */
type Named = Pick<Listed, "name" | "namespace">;

/** What a {@linkcode Catalogue} lists. */
export interface CatalogueParts {
  readonly deployed: { list(): Promise<(Deployed | Broken)[]> };
  readonly directory: { list(): Promise<{ readonly functions: readonly Named[] }> };
}

/** Lists deployed code and that of a directory. */
export class Catalogue {
  readonly #parts: CatalogueParts;

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  /** Every entry, sorted by namespace and name. */
  async list(): Promise<{ functions: Listed[] }> {
    const deployed = (await this.#parts.deployed.list()).map(listed);
    const taken = new Set(deployed.map(labelOf));
    const { functions } = await this.#parts.directory.list();
    const files = functions.filter((each) => !taken.has(labelOf(each))).map(ofDirectory);
    const key = ({ namespace, name }: Named) => `${namespace ?? ""}/${name}`;
    const all = [...deployed, ...files].sort((a, b) => key(a) < key(b) ? -1 : 1);
    return { functions: all };
  }
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
