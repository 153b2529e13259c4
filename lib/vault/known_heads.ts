/**
 * The heads as this process read or wrote them last.
 *
 * @module
 */
import type { Head, Place, PlaceRows } from "../resolve/head.ts";

/** A verified head, and which rows it has. */
export interface KnownHead {
  readonly head: Head;
  readonly rows: PlaceRows;
}

/** How many are held. */
const MAX_HEADS = 1_000;

/**
 * Heads by place, the oldest written going first. One may be wrong, since another server may have
 * written since; whoever uses one must compare and set.
 */
export class KnownHeads {
  readonly #heads = new Map<Place, KnownHead>();

  /** The head of a place, if it is held. */
  get(place: Place): KnownHead | undefined {
    return this.#heads.get(place);
  }

  /** Holds a head that is stored. */
  set(known: KnownHead): void {
    const { place } = known.head;
    this.#heads.delete(place);
    const [oldest] = this.#heads.keys();
    if (this.#heads.size >= MAX_HEADS && oldest !== undefined) this.#heads.delete(oldest);
    this.#heads.set(place, known);
  }

  /** Drops what proved wrong, or may be. */
  delete(place: Place): void {
    this.#heads.delete(place);
  }
}
