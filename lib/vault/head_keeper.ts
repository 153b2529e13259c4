/**
 * Every change of secrets goes through here, so that heads say which rows there are.
 *
 * @module
 */
import type { AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import {
  checkRows,
  makeHead,
  missingHead,
  moveRows,
  NAMESPACES,
  NO_ROWS,
  openHead,
  type Place,
  type RowMove,
} from "../resolve/head.ts";
import { sameBytes } from "../crypto/same_bytes.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { PlaceList } from "../resolve/place_list.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { lastRecorded } from "../store/audit_rows.ts";
import { nextHead } from "../store/head_change.ts";
import { findHead, type HeadChange } from "../store/heads.ts";
import { listRowMacs } from "../store/history_scan.ts";
import { makePlace } from "../store/new_places.ts";
import { StoredSecretSource } from "../store/secret_source.ts";
import { putSecrets, removeSecrets, type SecretChange } from "../store/secret_writes.ts";
import type { Sql } from "../store/sql.ts";
import { ChangeQueue } from "./change_queue.ts";
import type { RecordedChange } from "./changes.ts";
import { type KnownHead, KnownHeads } from "./known_heads.ts";

/** What a keeper is made of. */
export interface HeadKeeperParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
}

/** A place of secrets: the global scope or a namespace. */
export type SecretPlace = Namespace | null;

/** A transaction in which nobody else changes the places that it was begun for. */
export interface PlacesTransaction {
  readonly sql: Sql;
  /** Stores changes; `false` when one of them is not of what is stored, and then none is. */
  put(place: SecretPlace, changes: readonly RecordedChange[]): Promise<boolean>;
  /** The same for changes that nobody asked for one by one: a single record stands for them all. */
  maintain(
    place: SecretPlace,
    changes: readonly SecretChange[],
    entry: AuditEntry,
  ): Promise<boolean>;
  /**
   * Makes sure that a place has the rows, live and deleted, that its head says.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when one was removed or put back from an old copy.
   */
  check(place: SecretPlace): Promise<void>;
  /**
   * Removes rows for good; `false` when one of them is not what is stored.
   *
   * @param entryOf What is recorded of each.
   */
  remove(
    place: SecretPlace,
    rows: readonly SecretRow[],
    entryOf: (row: SecretRow) => AuditEntry,
  ): Promise<boolean>;
}

/** Changes rows and heads together. */
export class HeadKeeper {
  readonly #parts: HeadKeeperParts;
  readonly #known = new KnownHeads();
  readonly #places: PlaceList;
  readonly #queue = new ChangeQueue((place, changes) => this.#store(place, changes));

  /** Reads nothing yet. */
  constructor(parts: HeadKeeperParts) {
    this.#parts = parts;
    this.#places = new PlaceList(parts.ring, parts.watch);
  }

  /**
   * Stores a change. Those of one place that come while one is being stored go together in the next
   * statement, since each needs the head that the one before has made.
   *
   * @returns `false` when `before` is no longer what is stored; then nothing was written.
   * @throws {UniqueViolation} As `putSecrets` does.
   */
  put(change: RecordedChange): Promise<boolean> {
    return this.#queue.put(change);
  }

  /**
   * Runs `work` in a transaction in which `places` are locked. Namespaces that are not there are
   * made, and stay, empty, when `work` throws.
   */
  async transact<T>(
    places: readonly SecretPlace[],
    work: (transaction: PlacesTransaction) => Promise<T>,
  ): Promise<T> {
    const ordered = [...new Set(places)].sort(byPlace);
    for (const place of ordered) await this.#ensure(place);
    const heads = new Map<Place, KnownHead>();
    const result = await this.#parts.sql.transaction(async (sql) => {
      for (const place of ordered) heads.set(place, await this.#lock(sql, place));
      return await work({
        sql,
        check: async (place) => {
          const rows = await listRowMacs(sql, place);
          const { head } = heads.get(place) ?? missing(place);
          for (const kind of ["live", "deleted"] as const) {
            const own = rows.filter(({ deletedAt }) => (deletedAt === null) === (kind === "live"));
            checkRows(this.#parts.ring, head, own, kind);
          }
        },
        put: (place, changes) =>
          this.#write(
            heads,
            { place, moves: changes, entries: entriesOf(changes) },
            (change) => putSecrets(sql, { ...change, changes }),
          ),
        maintain: (place, changes, entry) =>
          this.#write(
            heads,
            { place, moves: changes, entries: [entry] },
            (change) => putSecrets(sql, { ...change, changes }),
          ),
        remove: (place, rows, entryOf) =>
          this.#write(
            heads,
            { place, moves: rows.map((before) => ({ before })), entries: rows.map(entryOf) },
            (change) => removeSecrets(sql, { ...change, rows }),
          ),
      });
    });
    for (const known of heads.values()) this.#remember(known);
    return result;
  }

  /** Stores a batch: by the head that is known, by the head that is read, and by a locked one. */
  async #store(place: SecretPlace, changes: readonly RecordedChange[]): Promise<boolean> {
    const guess = this.#known.get(place);
    if (guess !== undefined && await this.#attempt(guess, changes)) return true;
    const read = await this.#read(place);
    // The head was the right one, so it is a row that isn't what the change is of.
    if (guess !== undefined && sameBytes(guess.head.mac, read.head.mac)) return false;
    if (await this.#attempt(read, changes)) return true;
    return await this.transact([place], ({ put }) => put(place, changes));
  }

  async #attempt(known: KnownHead, changes: readonly RecordedChange[]): Promise<boolean> {
    const { place } = known.head;
    const heads = new Map([[place, known]]);
    this.#known.delete(place);
    const stored = await this.#write(
      heads,
      { place, moves: changes, entries: entriesOf(changes) },
      (change) => putSecrets(this.#parts.sql, { ...change, changes }),
    );
    if (stored) this.#remember(heads.get(place)!);
    return stored;
  }

  async #write(
    heads: Map<Place, KnownHead>,
    { place, moves, entries }: PlaceChange,
    store: (change: HeadChange) => Promise<boolean>,
  ): Promise<boolean> {
    const known = heads.get(place);
    if (known === undefined) throw new TypeError("Place is not locked by this transaction");
    const { ring } = this.#parts;
    const rows = moveRows(ring, known.rows, moves);
    const change = nextHead(ring, known.head, rows, entries, Math.max(moves.length, 1));
    const stored = await store(change);
    if (stored) heads.set(place, { head: change.after, rows });
    return stored;
  }

  async #read(place: SecretPlace): Promise<KnownHead> {
    const known = await this.#find(this.#parts.sql, place);
    if (known !== undefined) return known;
    await this.#ensure(place);
    return await this.#find(this.#parts.sql, place) ?? missing(place);
  }

  async #lock(sql: Sql, place: SecretPlace): Promise<KnownHead> {
    return await this.#find(sql, place, { forUpdate: true }) ?? missing(place);
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

  /** Makes a namespace that isn't there. */
  async #ensure(place: SecretPlace): Promise<void> {
    if (this.#known.get(place) !== undefined) return;
    if (await this.#find(this.#parts.sql, place) !== undefined) return;
    if (place === null) throw missingHead(null);
    const { ring } = this.#parts;
    const made = await this.#parts.sql.transaction(async (sql) => {
      const list = await this.#find(sql, NAMESPACES, { forUpdate: true }) ?? missing(NAMESPACES);
      if (await this.#find(sql, place) !== undefined) return undefined;
      // It isn't there, although it should be.
      if (await this.#places.has(new StoredSecretSource(sql), place)) throw missingHead(place);
      // A namespace that was there once, and was accepted away, goes on after its records.
      const head = makeHead(ring, place, await lastRecorded(sql, place), NO_ROWS);
      const after = await makePlace(sql, ring, list.head, head);
      return { head, before: list.head, after };
    });
    if (made === undefined) return;
    this.#remember({ head: made.head, rows: NO_ROWS });
    this.#parts.watch.note(made.after);
    this.#places.add(made.before, made.after, place);
  }

  #remember(known: KnownHead): void {
    this.#known.set(known);
    this.#parts.watch.note(known.head);
  }
}

/** What changes in a place, and what is recorded of it. */
interface PlaceChange {
  readonly place: Place;
  readonly moves: readonly RowMove[];
  /** One for each move, or one for them all. */
  readonly entries: readonly AuditEntry[];
}

function entriesOf(changes: readonly RecordedChange[]): AuditEntry[] {
  return changes.map(({ entry }) => entry);
}

/** The order in which places are locked, the same everywhere. */
function byPlace(a: SecretPlace, b: SecretPlace): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? -1 : 1;
}

function missing(place: Place): never {
  throw missingHead(place);
}
