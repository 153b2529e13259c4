/**
 * Masking a log, beside the loop that anyone would write first; `mask.ts` does the work.
 *
 * @module
 */
import { run as runMask } from "./mask.ts";
import { atLeast, type BenchOptions, type Measure } from "./support/measure.ts";

/** Measures 10 and 1,000 secrets. */
export async function run(_options: BenchOptions): Promise<Measure[]> {
  const results = await runMask([10, 1000]);
  return results.map(({ secrets, maskerMBs, naiveMBs, ratio }) => ({
    what: `${secrets} secrets`,
    unit: "MB/s",
    ours: maskerMBs,
    peer: "naive loop",
    theirs: naiveMBs,
    ratio,
    target: secrets === 1000 ? atLeast(100) : null,
  }));
}
