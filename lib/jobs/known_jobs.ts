/**
 * Which jobs there are, looked up so that many submissions in a row cost one look.
 *
 * @module
 */
import type { Namespace } from "../resolve/ref.ts";

/** A job's place. */
export interface JobPlace {
  readonly name: string;
  readonly namespace: Namespace | null;
}

/** Knows which jobs there are; the source of their code. */
export interface JobCatalogue {
  list(): Promise<{
    readonly functions: readonly { readonly name: string; readonly namespace: string | null }[];
  }>;
}

/** For how long a job that was there is taken to be there still, ms. */
const FRESH_MS = 1_000;

/** The jobs of a catalogue. */
export class KnownJobs {
  readonly #catalogue: JobCatalogue;
  #seen = new Set<string>();
  #seenAt = -Infinity;

  constructor(catalogue: JobCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Whether there is such a job. One that was added just now is found at once. */
  async has(place: JobPlace): Promise<boolean> {
    const known = () => this.#seen.has(keyOf(place));
    if (performance.now() - this.#seenAt < FRESH_MS && known()) return true;
    await this.list();
    return known();
  }

  /** Every job. */
  async list(): Promise<JobPlace[]> {
    const { functions } = await this.#catalogue.list();
    const places = functions.map(({ name, namespace }) => ({
      name,
      namespace: namespace as Namespace | null,
    }));
    this.#seen = new Set(places.map(keyOf));
    this.#seenAt = performance.now();
    return places;
  }
}

function keyOf({ name, namespace }: JobPlace): string {
  return `${namespace ?? ""}/${name}`;
}
