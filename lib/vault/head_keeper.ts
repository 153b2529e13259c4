/**
 * Every change of secrets goes through here, so that heads say which rows there are.
 *
 * @module
 */
import type { AuditEntry } from "../audit/entry.ts";
import { checkAllRows, moveRows, type Place, type RowMove } from "../resolve/head.ts";
import { sameBytes } from "../crypto/same_bytes.ts";
import type { SecretRow } from "../resolve/records.ts";
import { nextHead } from "../store/head_change.ts";
import type { HeadChange } from "../store/heads.ts";
import { listRowMacs } from "../store/history_scan.ts";
import { putSecrets, removeSecrets, type SecretChange } from "../store/secret_writes.ts";
import type { Sql } from "../store/sql.ts";
import { ChangeQueue } from "./change_queue.ts";
import type { RecordedChange } from "./changes.ts";
import type { KnownHead } from "./known_heads.ts";
import { PlaceHeads, type PlaceHeadsParts, type SecretPlace } from "./place_heads.ts";

export type { SecretPlace } from "./place_heads.ts";

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
  readonly #parts: PlaceHeadsParts;
  readonly #heads: PlaceHeads;
  readonly #queue = new ChangeQueue((place, changes) => this.#store(place, changes));

  /** Reads nothing yet. */
  constructor(parts: PlaceHeadsParts) {
    this.#parts = parts;
    this.#heads = new PlaceHeads(parts);
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
    for (const place of ordered) await this.#heads.ensure(place);
    const heads = new Map<Place, KnownHead>();
    const result = await this.#parts.sql.transaction(async (sql) => {
      for (const place of ordered) heads.set(place, await this.#heads.lock(sql, place));
      return await work({
        sql,
        check: async (place) => {
          const rows = await listRowMacs(sql, place);
          checkAllRows(this.#parts.ring, locked(heads, place).head, rows);
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
    for (const known of heads.values()) this.#heads.remember(known);
    return result;
  }

  /** Stores a batch: by the head that is known, by the head that is read, and by a locked one. */
  async #store(place: SecretPlace, changes: readonly RecordedChange[]): Promise<boolean> {
    const guess = this.#heads.known(place);
    if (guess !== undefined && await this.#attempt(guess, changes)) return true;
    const read = await this.#heads.read(place);
    // The head was the right one, so it is a row that isn't what the change is of.
    if (guess !== undefined && sameBytes(guess.head.mac, read.head.mac)) return false;
    if (await this.#attempt(read, changes)) return true;
    return await this.transact([place], ({ put }) => put(place, changes));
  }

  async #attempt(known: KnownHead, changes: readonly RecordedChange[]): Promise<boolean> {
    const { place } = known.head;
    const heads = new Map([[place, known]]);
    this.#heads.forget(place);
    const stored = await this.#write(
      heads,
      { place, moves: changes, entries: entriesOf(changes) },
      (change) => putSecrets(this.#parts.sql, { ...change, changes }),
    );
    if (stored) this.#heads.remember(heads.get(place)!);
    return stored;
  }

  async #write(
    heads: Map<Place, KnownHead>,
    { place, moves, entries }: PlaceChange,
    store: (change: HeadChange) => Promise<boolean>,
  ): Promise<boolean> {
    const known = locked(heads, place);
    const { ring } = this.#parts;
    const rows = moveRows(ring, known.rows, moves);
    const change = nextHead(ring, known.head, rows, entries, Math.max(moves.length, 1));
    const stored = await store(change);
    if (stored) heads.set(place, { head: change.after, rows });
    return stored;
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

function locked(heads: ReadonlyMap<Place, KnownHead>, place: Place): KnownHead {
  const known = heads.get(place);
  if (known === undefined) throw new TypeError("Place is not locked by this transaction");
  return known;
}
