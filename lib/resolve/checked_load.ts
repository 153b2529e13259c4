/**
 * Reading all that a run could get, and making sure that it is all, and the latest.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { verifySecretRow } from "./associated_data.ts";
import { checkRows, type Head, missingHead, type Place } from "./head.ts";
import type { HeadWatch } from "./head_watch.ts";
import { PlaceList, type PlaceSource } from "./place_list.ts";
import type { StoredSecret } from "./records.ts";
import type { Namespace } from "./ref.ts";

/** What a source read in one snapshot. */
export interface LoadedSecrets {
  /** The heads of the global scope and of the namespace, where they are there. */
  readonly heads: readonly Head[];
  /** The live secrets of the global scope and of the namespace. */
  readonly secrets: readonly StoredSecret[];
}

/** Where secrets and heads are read from. */
export interface CheckedSource extends PlaceSource {
  /** Everything that a run in `namespace` (`null`: in none) could get, in one snapshot. */
  load(namespace: Namespace | null): Promise<LoadedSecrets>;
}

/** Reads secrets, and lets them through only whole. */
export class CheckedLoader {
  readonly #source: CheckedSource;
  readonly #ring: KeyRing;
  readonly #watch: HeadWatch;
  readonly #places: PlaceList;

  /** Reads nothing yet. */
  constructor(source: CheckedSource, ring: KeyRing, watch: HeadWatch) {
    this.#source = source;
    this.#ring = ring;
    this.#watch = watch;
    this.#places = new PlaceList(ring, watch);
  }

  /**
   * Reads the secrets that a run in `namespace` could get.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a row or a head was changed, removed, added or put
   * back from an old copy.
   */
  async load(namespace: Namespace | null): Promise<LoadedSecrets> {
    const loaded = await this.#read(namespace);
    if (namespace === null || loaded.heads.some(({ place }) => place === namespace)) return loaded;
    if (!await this.#places.has(this.#source, namespace)) return loaded;
    // It is there after all: it was made meanwhile, or its head was removed.
    const again = await this.#read(namespace);
    if (again.heads.some(({ place }) => place === namespace)) return again;
    throw missingHead(namespace);
  }

  async #read(namespace: Namespace | null): Promise<LoadedSecrets> {
    const places = namespace === null ? [null] : [null, namespace];
    const check = this.#watch.begin(places);
    const loaded = await this.#source.load(namespace);
    for (const { row } of loaded.secrets) verifySecretRow(this.#ring, row);
    for (const place of places) {
      const rows = loaded.secrets.flatMap(({ row }) => row.namespace === place ? [row] : []);
      const head = loaded.heads.find((each) => each.place === place);
      if (head !== undefined) checkRows(this.#ring, head, rows);
      else if (place === null || rows.length > 0) throw missingHead(place);
      check(place, head);
    }
    return loaded;
  }
}

/** Head revisions as one text, as the source tells them without reading more. */
export function revisionText(heads: readonly Head[], namespace: Namespace | null): string {
  const of = (place: Place) => heads.find((head) => head.place === place)?.revision ?? 0;
  return `${of(null)}.${namespace === null ? 0 : of(namespace)}`;
}
