/**
 * Children that are started and connected but have no code yet, ready to become any function's.
 *
 * @module
 */
import { Child } from "./child.ts";
import { type ChildShape, shapeKey } from "./permissions.ts";
import type { SpawnHost } from "./spawn.ts";

interface Shelf {
  readonly shape: ChildShape;
  /** Spares that are ready or starting, oldest first. */
  readonly spares: Promise<Child>[];
}

/** Of how many shapes spares are kept: each is a process, and functions may be of any shape. */
const MOST_SHAPES = 4;

/** A stock of spare children for each shape that has been asked for. */
export class Spares {
  readonly #host: SpawnHost;
  readonly #count: number;
  readonly #shelves = new Map<string, Shelf>();
  /** Spares that were taken off their shelf to be ended. */
  readonly #clearing = new Set<Promise<void>>();
  #closed = false;

  /** @param count How many spares are kept for each shape; 0 for none. */
  constructor(host: SpawnHost, count: number) {
    this.#host = host;
    this.#count = count;
  }

  /** Starts what is missing for `shape`, and clears the shelf that was stocked longest ago. */
  stock(shape: ChildShape): void {
    const shelf = this.#shelf(shape);
    this.#shelves.delete(shapeKey(shape));
    this.#shelves.set(shapeKey(shape), shelf);
    this.#clearOldest();
    while (!this.#closed && shelf.spares.length < this.#count) {
      const spare = Child.spawn(this.#host, shape);
      shelf.spares.push(spare);
      const drop = () => {
        const at = shelf.spares.indexOf(spare);
        if (at !== -1) shelf.spares.splice(at, 1);
      };
      // A spare that dies on the shelf is taken off it, and the next use starts another.
      spare.then((child) => child.exited.then(drop), drop);
    }
  }

  /** Takes a spare, or starts a child when there is none. Restock when it has been put to use. */
  take(shape: ChildShape): Promise<Child> {
    const start = () => Child.spawn(this.#host, shape);
    // What kept a spare from starting may be over; no code has come to it that could run twice.
    return this.#shelf(shape).spares.shift()?.catch(start) ?? start();
  }

  /** Ends all spares. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#shelves.values()].flatMap(clear).concat(...this.#clearing));
  }

  #clearOldest(): void {
    for (const [key, shelf] of this.#shelves) {
      if (this.#shelves.size <= MOST_SHAPES) return;
      this.#shelves.delete(key);
      for (const end of clear(shelf)) {
        this.#clearing.add(end);
        end.finally(() => this.#clearing.delete(end));
      }
    }
  }

  #shelf(shape: ChildShape): Shelf {
    const key = shapeKey(shape);
    let shelf = this.#shelves.get(key);
    if (shelf === undefined) this.#shelves.set(key, shelf = { shape, spares: [] });
    return shelf;
  }
}

/** Ends the spares of a shelf. */
function clear(shelf: Shelf): Promise<void>[] {
  return shelf.spares.splice(0).map(async (spare) => {
    const child = await spare.catch(() => undefined);
    child?.retire();
    await child?.exited;
  });
}
