/**
 * Keeps the ring of this process as the stored one is, whoever changes that.
 *
 * @module
 */
import { checkInvariants } from "../crypto/invariants.ts";
import { ringKey, ringLocked } from "../crypto/keyring.ts";
import { newRingKey, type RingKey, ringOf } from "../crypto/ring.ts";
import { PURPOSES, type WrappedKey } from "../crypto/wrap.ts";
import { ensureDataKeys, listDataKeys } from "../store/data_keys.ts";
import type { Sql } from "../store/sql.ts";
import { LiveKeyRing } from "./live_ring.ts";
import type { Root, RootProvider } from "./root.ts";

/** What a keeper is made of. */
export interface RingKeeperParts {
  /** Not the one that reads through the gate, which asks this keeper. */
  readonly sql: Sql;
  readonly provider: RootProvider;
  /** Called when the stored ring can't be taken over; the present one stays. */
  readonly onProblem?: (error: unknown) => void;
  /** Called after another ring was taken over. */
  readonly onChange?: () => void;
}

/** The keys as they are stored, and in the clear. */
export interface OpenedKeys {
  readonly stored: readonly WrappedKey[];
  /** In the order of `stored`. */
  readonly keys: readonly RingKey[];
  /** The root that seals. */
  readonly active: Root;
}

/** A key that was opened, and how it was stored. */
interface Known {
  readonly stored: WrappedKey;
  readonly key: RingKey;
}

/** Holds the ring, reads it again when it may have changed, and knows how it is sealed. */
export class RingKeeper {
  readonly ring: LiveKeyRing;
  readonly #parts: RingKeeperParts;
  #roots: readonly Root[];
  /** By id; a key is opened once for each way in which it is stored. */
  #opened: ReadonlyMap<string, Known>;
  #problem: unknown = null;
  #isBehind = false;
  #asked = 0;
  #taken = 0;
  /** The reading that has not begun yet, if there is one; it serves everybody who asks now. */
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(parts: RingKeeperParts, roots: readonly Root[]) {
    this.#parts = parts;
    this.#roots = roots;
    this.#opened = new Map();
    this.ring = new LiveKeyRing(ringOf([]));
  }

  /**
   * Opens the stored ring, and makes it on a new database.
   *
   * @throws {AppError} KEY_RING_LOCKED when the roots given don't open it; the message names the
   * ids wanted and held.
   * @throws {AppError} INTEGRITY_VIOLATION when it is not as it was written.
   */
  static async open(parts: RingKeeperParts): Promise<RingKeeper> {
    const roots = await parts.provider.read();
    const keeper = new RingKeeper(parts, roots);
    if ((await listDataKeys(parts.sql)).length === 0) {
      const now = new Date();
      const made = await Promise.all(PURPOSES.map((each) => roots[0]!.wrap(newRingKey(each, now))));
      await ensureDataKeys(parts.sql, () => made);
    }
    await keeper.#take(parts.sql);
    return keeper;
  }

  /** The roots held, the active one first. */
  get roots(): readonly Root[] {
    return this.#roots;
  }

  /** Why the stored ring could not be taken over when it was read last; `null` when it could. */
  get problem(): unknown {
    return this.#problem;
  }

  /** Whether there are keys that only open: something may still be under them. */
  get hasOldKeys(): boolean {
    return [...this.#opened.values()].some(({ key }) => key.status === "enabled");
  }

  /** Whether a row was met whose key could not be had. */
  get isBehind(): boolean {
    return this.#isBehind && this.#problem !== null;
  }

  /** Notes that a row was met whose key is not in the ring. */
  noteUnknown(): void {
    this.#isBehind = true;
  }

  /**
   * Reads the ring again. A reading that has begun already doesn't count for those who ask now.
   * Never throws: what is wrong is told to `onProblem`, and the present ring stays.
   *
   * @param sql The transaction to read in, for those who are in one.
   */
  async reload(sql?: Sql): Promise<void> {
    if (sql !== undefined) return await this.#tryTake(sql);
    this.#next ??= this.#running.then(() => {
      this.#running = this.#next!;
      this.#next = undefined;
      return this.#tryTake(this.#parts.sql);
    });
    await this.#next;
  }

  /** Reads the roots again, as when the operator has put another one first. */
  async readRoots(): Promise<readonly Root[]> {
    return this.#roots = await this.#parts.provider.read();
  }

  /**
   * The stored ring, opened: what a change of it begins with.
   *
   * @param options `anew`: opens keys that are open already once more.
   * @throws {AppError} KEY_RING_LOCKED or INTEGRITY_VIOLATION as {@linkcode RingKeeper.open} does.
   */
  async read(options: { sql?: Sql; anew?: boolean } = {}): Promise<OpenedKeys> {
    const stored = await listDataKeys(options.sql ?? this.#parts.sql);
    checkInvariants(stored);
    const known = options.anew === true ? new Map<string, Known>() : this.#opened;
    const keys = await this.#open(stored, known);
    return { stored, keys, active: this.#roots[0]! };
  }

  async #tryTake(sql: Sql): Promise<void> {
    try {
      await this.#take(sql);
      this.#problem = null;
      this.#isBehind = false;
    } catch (error) {
      this.#problem = error;
      this.#parts.onProblem?.(error);
    }
  }

  async #take(sql: Sql): Promise<void> {
    const turn = ++this.#asked;
    const { stored, keys } = await this.read({ sql });
    // One that began later has read what is newer, or the same.
    if (turn < this.#taken) return;
    this.#taken = turn;
    this.#opened = new Map(stored.map((each, i) => [each.id, { stored: each, key: keys[i]! }]));
    this.ring.replace(ringOf(keys));
    this.#parts.onChange?.();
  }

  async #open(
    stored: readonly WrappedKey[],
    known: ReadonlyMap<string, Known>,
  ): Promise<RingKey[]> {
    const keyOf = (each: WrappedKey) => {
      const found = known.get(each.id);
      return found !== undefined && same(found.stored, each) ? found.key : undefined;
    };
    const held = await this.#rootsFor(stored.filter((each) => keyOf(each) === undefined));
    return await Promise.all(
      stored.map(async (each) =>
        keyOf(each) ?? ringKey(each, await held.get(each.rootId)!.unwrap(each))
      ),
    );
  }

  /** The roots by id; read again when one is wanted that isn't held. */
  async #rootsFor(stored: readonly WrappedKey[]): Promise<Map<string, Root>> {
    const wanted = new Set(stored.map(({ rootId }) => rootId));
    const byId = () => new Map(this.#roots.map((root) => [root.id, root]));
    const lacks = (held: Map<string, Root>) => [...wanted].some((id) => !held.has(id));
    let held = byId();
    if (!lacks(held)) return held;
    await this.readRoots();
    held = byId();
    if (lacks(held)) throw ringLocked(wanted, held.keys());
    return held;
  }
}

function same(a: WrappedKey, b: WrappedKey): boolean {
  return a.status === b.status && a.purpose === b.purpose && a.rootId === b.rootId &&
    a.createdAt.getTime() === b.createdAt.getTime() && a.wrapped.toHex() === b.wrapped.toHex();
}
