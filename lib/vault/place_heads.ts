/**
 * The heads of places as this process knows them: read and checked, and made where a namespace is
 * new.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import {
  type Head,
  makeHead,
  missingHead,
  NAMESPACES,
  NO_ROWS,
  openHead,
  type Place,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { PlaceList } from "../resolve/place_list.ts";
import type { Namespace } from "../resolve/ref.ts";
import { lastRecorded } from "../store/audit_rows.ts";
import { findHead } from "../store/heads.ts";
import { makePlace } from "../store/new_places.ts";
import { StoredSecretSource } from "../store/secret_source.ts";
import type { Sql } from "../store/sql.ts";
import { type KnownHead, KnownHeads } from "./known_heads.ts";

/** With what heads are read and made. */
export interface PlaceHeadsParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
}

/** A place of secrets: the global scope or a namespace. */
export type SecretPlace = Namespace | null;

/** Heads of places of secrets. */
export class PlaceHeads {
  readonly #parts: PlaceHeadsParts;
  readonly #known = new KnownHeads();
  readonly #places: PlaceList;

  /** Reads nothing yet. */
  constructor(parts: PlaceHeadsParts) {
    this.#parts = parts;
    this.#places = new PlaceList(parts.ring, parts.watch);
  }

  /** The head as this process read or wrote it last, if it still has it. */
  known(place: Place): KnownHead | undefined {
    return this.#known.get(place);
  }

  /** Takes note of a head that is stored, once its transaction has ended. */
  remember(known: KnownHead): void {
    this.#known.set(known);
    this.#parts.watch.note(known.head);
  }

  /** Drops what {@linkcode PlaceHeads.known} has of a place. */
  forget(place: Place): void {
    this.#known.delete(place);
  }

  /**
   * Reads the head of a place; a namespace that isn't there is made.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when it isn't as it was written, or is gone.
   */
  async read(place: SecretPlace): Promise<KnownHead> {
    const known = await this.#find(this.#parts.sql, place);
    if (known !== undefined) return known;
    await this.ensure(place);
    return await this.#find(this.#parts.sql, place) ?? missing(place);
  }

  /**
   * Reads the head of a place that is there, and keeps everybody else from changing it until the
   * transaction ends.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when it isn't as it was written, or is gone.
   */
  async lock(tx: Sql, place: Place): Promise<KnownHead> {
    return await this.#find(tx, place, { forUpdate: true }) ?? missing(place);
  }

  /**
   * Makes a namespace that isn't there.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when it was there, and its head is gone.
   */
  async ensure(place: SecretPlace): Promise<void> {
    if (this.known(place) !== undefined) return;
    if (await this.#find(this.#parts.sql, place) !== undefined) return;
    if (place === null) throw missingHead(null);
    const made = await this.#parts.sql.transaction((tx) => this.#make(tx, place));
    if (made === undefined) return;
    this.remember({ head: made.head, rows: NO_ROWS });
    this.#parts.watch.note(made.list.after);
    this.#places.add(made.list.before, made.list.after, place);
  }

  /** Makes a namespace, unless somebody else has made it meanwhile. */
  async #make(tx: Sql, place: Namespace): Promise<NewPlace | undefined> {
    const { head: before } = await this.lock(tx, NAMESPACES);
    if (await this.#find(tx, place) !== undefined) return undefined;
    // It isn't there, although it should be.
    if (await this.#places.has(new StoredSecretSource(tx), place)) throw missingHead(place);
    const { ring } = this.#parts;
    // A namespace that was there once, and was accepted away, goes on after its records.
    const head = makeHead(ring, place, await lastRecorded(tx, place), NO_ROWS);
    return { head, list: { before, after: await makePlace(tx, ring, before, head) } };
  }

  async #find(
    sql: Sql,
    place: Place,
    options: { forUpdate?: boolean } = {},
  ): Promise<KnownHead | undefined> {
    const check = this.#parts.watch.begin([place]);
    const head = await findHead(sql, place, options);
    const known = head && { head, rows: openHead(this.#parts.ring, head) };
    check(place, head);
    return known;
  }
}

/** The head of a new place, and those of the list that it is in now. */
interface NewPlace {
  readonly head: Head;
  readonly list: { readonly before: Head; readonly after: Head };
}

function missing(place: Place): never {
  throw missingHead(place);
}
