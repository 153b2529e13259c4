/**
 * What a bench found, and how it is held against its target.
 *
 * @module
 */
import { median } from "./rounds.ts";

/** What a figure has to reach. */
export interface Target {
  readonly sense: "at most" | "at least";
  readonly limit: number;
}

/** One figure of a bench. */
export interface Measure {
  /** What was measured, such as `p50, 1 connection`. */
  readonly what: string;
  /** Unit of `ours` and `theirs`; empty for plain numbers. */
  readonly unit: string;
  /** Median over the rounds. */
  readonly ours: number;
  /** What it stands beside; `null` for a figure that stands alone. */
  readonly peer: string | null;
  /** The peer's median over the rounds; `null` without a peer. */
  readonly theirs: number | null;
  /** Median over the rounds of ours divided by theirs; `null` without a peer. */
  readonly ratio: number | null;
  /** Holds for the ratio, or for `ours` where there is no peer. */
  readonly target: Target | null;
}

/** A bench: one group of measures. */
export interface Bench {
  readonly name: string;
  readonly title: string;
  run(options: BenchOptions): Promise<Measure[]>;
}

/** How a bench is run. */
export interface BenchOptions {
  /** Few short rounds: shows that the bench works, not how fast anything is. */
  readonly quick: boolean;
  /** Ends and removes what the bench has started and made, however the bench ends. */
  readonly scope: AsyncDisposableStack;
}

/** The figure must not exceed `limit`. */
export function atMost(limit: number): Target {
  return { sense: "at most", limit };
}

/** The figure must reach `limit`. */
export function atLeast(limit: number): Target {
  return { sense: "at least", limit };
}

/** A figure beside a peer's of the same rounds. */
export function beside(
  what: string,
  unit: string,
  ours: readonly number[],
  [peer, theirs]: readonly [name: string, figures: readonly number[]],
  target: Target | null = null,
): Measure {
  const ratio = median(ours.map((figure, round) => figure / theirs[round]!));
  return { what, unit, ours: median(ours), peer, theirs: median(theirs), ratio, target };
}

/** A figure that stands alone. */
export function alone(
  what: string,
  unit: string,
  ours: number,
  target: Target | null = null,
): Measure {
  return { what, unit, ours, peer: null, theirs: null, ratio: null, target };
}

/** Whether a measure reaches its target; `null` when it has none. */
export function isMet({ ours, ratio, target }: Measure): boolean | null {
  if (target === null) return null;
  const figure = ratio ?? ours;
  return target.sense === "at most" ? figure <= target.limit : figure >= target.limit;
}
