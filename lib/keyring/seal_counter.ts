/**
 * How many values a key has sealed, rounded up, without a write for each of them.
 *
 * @module
 */

/** Seals that are counted before they are made. */
export const SEAL_BLOCK = 4_096;

/** Where the counts are kept. */
export interface SealStore {
  add(seals: ReadonlyMap<string, number>): Promise<void>;
}

/**
 * Counts in blocks: one is written down before a key's first seal here, and another whenever half
 * of what is written down is used up. So the stored count is not too low even after a crash, unless
 * more than half a block was sealed since the last look.
 */
export class SealCounter {
  readonly #store: SealStore;
  /** By key id: what is written down and not used up. */
  readonly #left = new Map<string, number>();

  constructor(store: SealStore) {
    this.#store = store;
  }

  /** Notes what was sealed since the last look, by key id. */
  async note(seals: ReadonlyMap<string, number>): Promise<void> {
    const reserve = new Map<string, number>();
    for (const [id, count] of seals) {
      const left = (this.#left.get(id) ?? 0) - count;
      const blocks = left >= SEAL_BLOCK / 2 ? 0 : Math.ceil((SEAL_BLOCK - left) / SEAL_BLOCK);
      if (blocks > 0) reserve.set(id, blocks * SEAL_BLOCK);
      this.#left.set(id, left);
    }
    if (reserve.size === 0) return;
    await this.#store.add(reserve);
    for (const [id, count] of reserve) this.#left.set(id, (this.#left.get(id) ?? 0) + count);
  }
}
