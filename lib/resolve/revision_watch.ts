/**
 * What this process has seen of revisions: a row that goes back was put back from an old copy.
 *
 * An old row is authentic, so nothing in it tells its age; only memory can.
 *
 * @module
 */

/** A row with a number that goes up with every change. */
export interface RevisedRow {
  readonly id: string;
  readonly revision: number;
}

/** Tells which of the rows that were read after it was made is an old copy, if one is. */
export type RevisionCheck<R extends RevisedRow> = (rows: readonly R[]) => R | undefined;

type Seen = ReadonlyMap<string, number>;

const NOTHING: Seen = new Map();
/** Of a row that is gone: no revision of it is new enough. */
const GONE = Infinity;
/** How many owners, and how many rows of each, are remembered; the oldest go first. */
const MAX_OWNERS = 10_000;
const MAX_ROWS = 2_000;

/** Remembers the highest revision of each row, by the owner whose rows are read together. */
export class RevisionWatch {
  readonly #seen = new Map<string, Seen>();

  /**
   * Makes a check for rows that are about to be read. What is seen meanwhile doesn't count, since a
   * reading may have been overtaken by a write.
   *
   * @example Usage
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { RevisionWatch } from "./revision_watch.ts";
   *
   * const watch = new RevisionWatch();
   * const [older, newer] = [{ id: "1", revision: 1 }, { id: "1", revision: 2 }];
   * assertEquals(watch.begin("owner")([newer]), undefined);
   * assertEquals(watch.begin("owner")([older]), older);
   * ```
   */
  begin<R extends RevisedRow>(owner: string): RevisionCheck<R> {
    const floor = this.#seen.get(owner) ?? NOTHING;
    return (rows) => {
      const old = rows.find(({ id, revision }) => revision < (floor.get(id) ?? 0));
      if (old === undefined) this.#note(owner, floor, rows);
      return old;
    };
  }

  #note(owner: string, floor: Seen, rows: readonly RevisedRow[]): void {
    const now = new Map(this.#seen.get(owner));
    const there = new Set(rows.map(({ id }) => id));
    for (const id of floor.keys()) if (!there.has(id)) now.set(id, GONE);
    for (const { id, revision } of rows) now.set(id, Math.max(revision, now.get(id) ?? 0));
    while (now.size > MAX_ROWS) now.delete(now.keys().next().value!);
    this.#seen.delete(owner);
    if (now.size === 0) return;
    this.#seen.set(owner, now);
    if (this.#seen.size > MAX_OWNERS) this.#seen.delete(this.#seen.keys().next().value!);
  }
}
