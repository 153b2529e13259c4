/**
 * The rows that this process wrote last, as a first guess of what is stored.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";

/** How many rows are held. */
const MAX_ROWS = 1_000;

/**
 * Rows by key, the oldest written going first. A guess may be wrong, since another server may have
 * written since; whoever uses one must compare and set.
 */
export class RecentRows {
  readonly #rows = new Map<string, SecretRow>();

  /** The row last written under `key`, if it is still held. */
  guess(key: string): SecretRow | undefined {
    return this.#rows.get(key);
  }

  /** Holds a row that was written; a deleted one is dropped. */
  remember(key: string, row: SecretRow): void {
    this.#rows.delete(key);
    if (row.deletedAt !== null) return;
    const [oldest] = this.#rows.keys();
    if (this.#rows.size >= MAX_ROWS && oldest !== undefined) this.#rows.delete(oldest);
    this.#rows.set(key, row);
  }

  /** Drops what proved wrong. */
  forget(key: string): void {
    this.#rows.delete(key);
  }
}
