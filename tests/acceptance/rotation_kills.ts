/**
 * Kills a process 200 times amid rotations, on both databases, and prints what came of it.
 *
 * Takes half an hour or so, hence no test of the suite, which has a short form of it.
 * Run: `deno run --allow-all tests/acceptance/rotation_kills.ts [kills] [embedded|postgres]`.
 *
 * @module
 */
import { killRotations } from "../support/rotation_kills.ts";
import { type Kind, KINDS, withSite } from "../support/site.ts";

/** Long enough for a few turns of both rotations. */
const SPREAD_MS = 1_500;

const [rounds = "200", only] = Deno.args;
const kinds = only === undefined ? KINDS : [only as Kind];
for (const kind of kinds) {
  const begun = performance.now();
  await withSite(kind, async ({ dataDir, databaseUrl }) => {
    const site = { dataDir, databaseUrl, secrets: 60 };
    const report = await killRotations(site, {
      rounds: Number(rounds),
      spreadMs: SPREAD_MS,
      onRound: (kills) => {
        if (kills % 20 === 0) console.error(`${kind}: ${kills} kills`);
      },
    });
    const minutes = Math.round((performance.now() - begun) / 6_000) / 10;
    console.log(JSON.stringify({ kind, ...report, minutes }));
  });
}
Deno.exit(0);
