/**
 * Which namespaces there are: a namespace that was removed whole must not look like one that never
 * was, or its values would silently become the global ones.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import {
  checkPlaces,
  type Head,
  missingHead,
  NAMESPACES,
  openHead,
  type SetName,
  type SignedPlace,
} from "./head.ts";
import { sameBytes } from "../crypto/same_bytes.ts";
import type { HeadWatch } from "./head_watch.ts";
import type { Namespace } from "./ref.ts";

/** Where the list is read from. */
export interface PlaceSource {
  /** The head {@linkcode NAMESPACES}. */
  registry(): Promise<Head | undefined>;
  /** The same, and all namespaces, in one snapshot. */
  places(): Promise<{ registry: Head | undefined; places: readonly SignedPlace[] }>;
}

/** The list, checked once for each state of its head. */
export class PlaceList {
  readonly #ring: KeyRing;
  readonly #watch: HeadWatch;
  #head: Head | undefined;
  #names = new Set<Namespace | SetName>();

  /** Holds nothing yet. */
  constructor(ring: KeyRing, watch: HeadWatch) {
    this.#ring = ring;
    this.#watch = watch;
  }

  /**
   * Tells whether there is a namespace.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when the list was changed from outside.
   */
  async has(source: PlaceSource, namespace: Namespace): Promise<boolean> {
    const check = this.#watch.begin([NAMESPACES]);
    const registry = await source.registry();
    if (registry === undefined) throw missingHead(NAMESPACES);
    openHead(this.#ring, registry);
    check(NAMESPACES, registry);
    if (this.#head === undefined || !sameBytes(this.#head.mac, registry.mac)) {
      await this.#read(source);
    }
    return this.#names.has(namespace);
  }

  /** Takes a new namespace into the list that it was added to, once that is stored. */
  add(before: Head, after: Head, namespace: Namespace): void {
    if (this.#head === undefined || !sameBytes(this.#head.mac, before.mac)) return;
    this.#head = after;
    this.#names.add(namespace);
  }

  async #read(source: PlaceSource): Promise<void> {
    const check = this.#watch.begin([NAMESPACES]);
    const { registry, places } = await source.places();
    checkPlaces(this.#ring, registry, places);
    check(NAMESPACES, registry);
    this.#head = registry;
    this.#names = new Set(places.map(({ namespace }) => namespace));
  }
}
