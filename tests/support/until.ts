/**
 * Waiting for what a test can't be told of.
 *
 * @module
 */

/** How long a condition may take to hold, ms. Far beyond what any of them needs. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 10;

/**
 * Returns the first value of `look` that is neither `undefined` nor `false`.
 *
 * @param what What is waited for, as the error tells it.
 * @param patienceMs For how long, ms.
 * @throws {Error} When it doesn't come.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`It did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
