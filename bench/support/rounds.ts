/**
 * Rounds in which all contenders take turns, so that what else happens on the machine meets them all.
 *
 * @module
 */

/** Runs something once and returns what it found. */
export type Contender<T> = () => Promise<T>;

/**
 * Runs every contender once in each round, each round beginning with the next one.
 *
 * One round more is run first and thrown away.
 *
 * @returns For each contender what it found, by round.
 */
export async function takeTurns<const Name extends string, T>(
  rounds: number,
  contenders: Readonly<Record<Name, Contender<T>>>,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(contenders) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + 1) % names.length]!;
      const figure = await contenders[name]();
      if (round >= 0) found[name].push(figure);
    }
  }
  return found;
}

/** The middle one of `figures`; the upper of the two middle ones when their number is even. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? NaN;
}

/** How long `work` takes, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
