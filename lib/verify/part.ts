/**
 * Parts of the walk over everything that is authenticated. Each room that stores such rows brings
 * its own; the walk knows none of them.
 *
 * @module
 */

/** Something that is not as it was written. */
export interface Problem {
  readonly problem: string;
}

/** Rows that were looked at, well or not. */
export interface Checked {
  readonly checked: number;
}

/** The state of a head, to be compared with an anchor outside. */
export interface HeadState {
  /** `@global`, a namespace, or the name of a set. */
  readonly head: string;
  readonly revision: number;
  /** Hex; the same revision never has two. */
  readonly mac: string;
}

/** What a part finds, as it finds it. */
export type Finding = Problem | Checked | HeadState;

/** One part. */
export interface VerifyPart {
  /** What it is about, such as `service keys`. */
  readonly name: string;
  /** The tables whose rows it checks, with their schemas. */
  readonly tables: readonly string[];
  /** Walks through it. What it throws as an `AppError` counts as a problem, too. */
  walk(): AsyncIterable<Finding>;
}
