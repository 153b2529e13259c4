import { assert } from "@std/assert";
import { withSite } from "../support/site.ts";
import { killRotations } from "../support/rotation_kills.ts";
import { KINDS } from "../support/site.ts";

const ROUNDS = 10;

for (const kind of KINDS) {
  Deno.test(`kill -9 amid rotations, ${ROUNDS} times, leaves everything readable (${kind})`, () =>
    withSite(kind, async ({ dataDir, databaseUrl }) => {
      const site = { dataDir, databaseUrl, secrets: 18 };
      const { writes } = await killRotations(site, { rounds: ROUNDS, spreadMs: 600 });
      assert(writes > 0);
    }));
}
