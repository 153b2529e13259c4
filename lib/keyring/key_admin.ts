/**
 * What an operator does to the ring: look at it, make new keys, seal it under another root, and put
 * keys out of use for good.
 *
 * @module
 */
import { newRingKey, type RingKey } from "../crypto/ring.ts";
import { type KeyPurpose, PURPOSES, type WrappedKey } from "../crypto/wrap.ts";
import { AppError } from "../errors.ts";
import {
  changeDataKeys,
  listStoredKeys,
  outliveWriters,
  type RingChange,
  type StoredKey,
} from "../store/data_keys.ts";
import { oneSnapshot } from "../store/renewal.ts";
import type { Sql } from "../store/sql.ts";
import { countUses, type UsesByKey, usesOf, usesText } from "./key_uses.ts";
import type { OpenedKeys, RingKeeper } from "./ring_keeper.ts";
import type { Root } from "./root.ts";
import type { SealedTable } from "./sealed_table.ts";

/** What an administration of keys is made of. */
export interface KeyAdminParts {
  readonly sql: Sql;
  readonly keeper: RingKeeper;
  readonly tables: readonly SealedTable[];
  readonly now?: () => Date;
}

/** When a key has done its time. */
export interface KeyLimits {
  readonly maxAgeMs: number;
  readonly maxSeals: number;
}

/** A key, and how much is under it. */
export interface ListedKey extends StoredKey {
  readonly uses: number;
  /** The same for each table. */
  readonly usesByTable: Readonly<Record<string, number>>;
}

/** Times a change is made anew when another server was faster. */
const ATTEMPTS = 10;
/** How long writers are waited for when a key is retired, and how often they are looked at, ms. */
const WRITERS_MS = 10_000;
const LOOK_MS = 20;

/** Changes the ring. Each change is stored before it is used, whole or not at all. */
export class KeyAdmin {
  readonly #sql: Sql;
  readonly #keeper: RingKeeper;
  readonly #tables: readonly SealedTable[];
  readonly #now: () => Date;

  constructor({ sql, keeper, tables, now = () => new Date() }: KeyAdminParts) {
    this.#sql = sql;
    this.#keeper = keeper;
    this.#tables = tables;
    this.#now = now;
  }

  /** Every key that there ever was, oldest first. Reads the tables whole to count uses. */
  async list(): Promise<ListedKey[]> {
    const uses = await this.uses();
    return (await listStoredKeys(this.#sql)).map((key) => ({
      ...key,
      uses: usesOf(uses, key.id),
      usesByTable: Object.fromEntries(uses.get(key.id) ?? []),
    }));
  }

  /** What is under which key. */
  uses(): Promise<UsesByKey> {
    return countUses(this.#sql, this.#tables);
  }

  /**
   * Makes new primary keys. The old ones go on opening what they sealed.
   *
   * @returns The new keys.
   */
  rotate(purposes: readonly KeyPurpose[] = PURPOSES): Promise<WrappedKey[]> {
    return this.#change(async ({ keys, stored, active }) => {
      const old = purposes.map((purpose) => primaryOf(keys, purpose));
      const add = await wrapAll(active, old.map(({ purpose }) => newRingKey(purpose, this.#now())));
      const replace = await wrapAll(active, old.map((key) => ({ ...key, status: "enabled" })));
      return { change: { read: stored, replace, add }, result: add };
    });
  }

  /** Makes new keys for those that have done their time; of several servers one does. */
  async rotateIfDue({ maxAgeMs, maxSeals }: KeyLimits): Promise<WrappedKey[]> {
    const made: WrappedKey[] = [];
    const oldest = this.#now().getTime() - maxAgeMs;
    for (const key of await listStoredKeys(this.#sql)) {
      const isDue = key.createdAt.getTime() <= oldest || key.seals >= maxSeals;
      if (key.status !== "primary" || !isDue) continue;
      made.push(
        ...await this.#change(async ({ keys, stored, active }) => {
          const old = primaryOf(keys, key.purpose);
          if (old.id !== key.id) return { result: [] };
          const add = await wrapAll(active, [newRingKey(old.purpose, this.#now())]);
          const replace = await wrapAll(active, [{ ...old, status: "enabled" }]);
          return { change: { read: stored, replace, add }, result: add };
        }),
      );
    }
    return made;
  }

  /**
   * Seals the ring under the active root. No row but the ring's is touched.
   *
   * The roots are read again first, and once more before the change is stored: a root that can't be
   * read when it is wanted must not become the one that everything hangs on.
   *
   * @returns How many keys were not under it.
   * @throws {AppError} CONFLICT when the active root has changed meanwhile.
   */
  async rewrap(): Promise<{ rootId: string; rewrapped: number }> {
    const [first] = await this.#keeper.readRoots();
    return await this.#change(async ({ keys, stored, active }) => {
      const others = keys.filter((_, i) => stored[i]!.rootId !== active.id);
      const replace = await wrapAll(active, others);
      await proveRoot(active, others, replace);
      const [again] = await this.#keeper.readRoots();
      if (first!.id !== active.id || again!.id !== active.id) {
        throw new AppError("CONFLICT", "The active root key changed meanwhile");
      }
      const result = { rootId: active.id, rewrapped: others.length };
      return others.length === 0 ? { result } : { change: { read: stored, replace }, result };
    });
  }

  /**
   * Puts a key out of use: disables it, makes sure that nobody writes under it any more, and
   * removes its bytes for good.
   *
   * @throws {AppError} NOT_FOUND when there is no such key.
   * @throws {AppError} KEY_IN_USE for a primary key, and with the number left while it is used.
   */
  async retire(id: string): Promise<void> {
    const key = (await listStoredKeys(this.#sql)).find((each) => each.id === id);
    if (key === undefined) throw new AppError("NOT_FOUND", `There is no key ${id}`);
    if (key.destroyedAt !== null) return;
    if (key.status === "primary") {
      throw new AppError("KEY_IN_USE", `Key ${id} is the primary one; make another with: rotate`);
    }
    // One that is disabled already was being retired when a server was killed.
    if (key.status === "enabled") await this.#refuseUsed(id);
    await this.#setStatus(id, "disabled");
    try {
      await this.#outliveWriters();
      await this.#refuseUsed(id);
    } catch (error) {
      await this.#setStatus(id, "enabled");
      throw error;
    }
    const at = this.#now();
    await this.#change(({ stored }) =>
      Promise.resolve({ change: { read: stored, destroy: { id, at } }, result: undefined })
    );
  }

  async #refuseUsed(id: string): Promise<void> {
    const uses = await oneSnapshot(this.#sql, (tx) => countUses(tx, this.#tables));
    const left = usesOf(uses, id);
    if (left === 0) return;
    throw new AppError("KEY_IN_USE", `Key ${id} is in use: ${left} left (${usesText(uses, id)})`);
  }

  async #outliveWriters(): Promise<void> {
    const end = performance.now() + WRITERS_MS;
    await outliveWriters(this.#sql, async () => {
      if (performance.now() > end) {
        throw new AppError("KEY_IN_USE", "A transaction that began before is still at work");
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    });
  }

  #setStatus(id: string, status: "enabled" | "disabled"): Promise<void> {
    return this.#change(async ({ keys, stored, active }) => {
      const key = keys.find((each) => each.id === id && each.status !== "primary");
      if (key === undefined) throw new AppError("CONFLICT", `Key ${id} was changed meanwhile`);
      const replace = await wrapAll(active, [{ ...key, status }]);
      return { change: { read: stored, replace }, result: undefined };
    });
  }

  /** Seals outside of the transaction, which then looks whether the ring is still what was read. */
  async #change<T>(plan: (opened: OpenedKeys) => Promise<Planned<T>>): Promise<T> {
    for (let i = 0; i < ATTEMPTS; i++) {
      const { change, result } = await plan(await this.#keeper.read());
      if (change !== undefined && !await changeDataKeys(this.#sql, change)) continue;
      await this.#keeper.reload();
      return result;
    }
    throw new AppError("CONFLICT", "The key ring is being changed by others; try again");
  }
}

interface Planned<T> {
  readonly change?: RingChange;
  readonly result: T;
}

function primaryOf(keys: readonly RingKey[], purpose: KeyPurpose): RingKey {
  return keys.find((key) => key.purpose === purpose && key.status === "primary")!;
}

function wrapAll(root: Root, keys: readonly RingKey[]): Promise<WrappedKey[]> {
  return Promise.all(keys.map((key) => root.wrap(key)));
}

/** What was sealed must open again, before there is nothing else to open. */
async function proveRoot(
  root: Root,
  keys: readonly RingKey[],
  wrapped: readonly WrappedKey[],
): Promise<void> {
  for (const [i, each] of wrapped.entries()) {
    const bytes = await root.unwrap(each);
    if (bytes?.toHex() === new Uint8Array(keys[i]!.bytes).toHex()) continue;
    throw new AppError("ROOT_UNAVAILABLE", `Root ${root.id} does not open what it sealed`);
  }
}
