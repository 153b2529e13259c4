/**
 * Group commit: changes of one place that wait for each other anyway are stored together.
 *
 * @module
 */
import { StatementError } from "../store/sql_error.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { RecordedChange } from "./changes.ts";

/** Stores changes of one place, all or none; `false` when one is not of what is stored. */
export type StoreChanges = (
  place: Namespace | null,
  changes: readonly RecordedChange[],
) => Promise<boolean>;

interface Waiting {
  readonly change: RecordedChange;
  resolve(stored: boolean): void;
  reject(error: unknown): void;
}

/** The most changes in one statement. */
const MAX_CHANGES = 64;
/** The most sealed bytes in one statement, unless one change alone has more. */
const MAX_BYTES = 1_024 * 1_024;

/** A queue for each place; what waits in one goes together. */
export class ChangeQueue {
  readonly #store: StoreChanges;
  readonly #waiting = new Map<Namespace | null, Waiting[]>();

  constructor(store: StoreChanges) {
    this.#store = store;
  }

  /**
   * Stores a change, alone or with others; what is wrong with another one doesn't show.
   *
   * @returns What storing it alone would.
   */
  put(change: RecordedChange): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const place = change.after.namespace;
    const waiting = this.#waiting.get(place);
    if (waiting !== undefined) {
      waiting.push({ change, resolve, reject });
      return promise;
    }
    const queue = [{ change, resolve, reject }];
    this.#waiting.set(place, queue);
    void this.#drain(place, queue);
    return promise;
  }

  async #drain(place: Namespace | null, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await this.#storeBatch(place, takeBatch(queue));
    this.#waiting.delete(place);
  }

  async #storeBatch(place: Namespace | null, batch: readonly Waiting[]): Promise<void> {
    try {
      const stored = await this.#store(place, batch.map(({ change }) => change));
      if (stored || batch.length === 1) {
        for (const { resolve } of batch) resolve(stored);
        return;
      }
    } catch (error) {
      if (batch.length === 1 || !(error instanceof StatementError)) {
        for (const { reject } of batch) reject(error);
        return;
      }
    }
    // One of them is at fault, and nothing was stored: each for itself.
    for (const one of batch) await this.#storeBatch(place, [one]);
  }
}

/** Takes the first ones that go in one statement: no two of one secret, and not too much. */
function takeBatch(queue: Waiting[]): Waiting[] {
  const ids = new Set<string>();
  let bytes = 0;
  let end = 0;
  for (const { change } of queue) {
    bytes += change.version?.envelope.length ?? 0;
    const fits = end < MAX_CHANGES && bytes <= MAX_BYTES && !ids.has(change.after.id);
    if (end > 0 && !fits) break;
    ids.add(change.after.id);
    end++;
  }
  return queue.splice(0, end);
}
