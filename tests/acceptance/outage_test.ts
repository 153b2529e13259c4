import { assert, assertEquals } from "@std/assert";
import { generateRootKey } from "../../lib/crypto/root_key.ts";
import { type Answer, tableOf, watchOutage } from "../support/outage.ts";
import { PostgresServer } from "../support/postgres_server.ts";
import { withServer } from "../support/server.ts";
import { withSite } from "../support/site.ts";

/** A write is refused within this time, ms. */
const WRITE_BOUND_MS = 2_000;
/** How long the outage lasts here; `bench/outage.ts` has one of a minute. */
const OUTAGE_MS = 6_000;
const AROUND_MS = 2_000;

const SHOW = `export default () => new Response(secrets.get("STEP"));`;

function during(answers: readonly Answer[]): Answer[] {
  return answers.filter(({ beganAt }) => beganAt > 0 && beganAt < OUTAGE_MS);
}

Deno.test("while PostgreSQL is away warm calls go on and writes are refused at once", async () => {
  const database = await PostgresServer.create();
  await database.start();
  try {
    await withSite("embedded", async (site) => {
      await site.write("show.ts", SHOW);
      const env = { DATABASE_URL: database.url, FLUXBASE_ENCRYPTION_KEY: generateRootKey().text };
      const ended = await withServer(site, async (server) => {
        await server.set("STEP", "a value");
        await server.set("OTHER", "another value");
        assertEquals((await server.call("show")).text, "a value");
        const options = { outageMs: OUTAGE_MS, aroundMs: AROUND_MS, callers: 4 };
        const answers = await watchOutage(server, database, options);
        console.log(tableOf(during(answers)).join("\n"));

        const calls = answers.filter(({ kind }) => kind === "call");
        assert(during(calls).length > 100, "calls went on");
        assertEquals(calls.filter(({ status }) => status !== 200), [], "calls that failed");

        const writes = during(answers).filter(({ kind }) => kind === "write");
        const refused = writes.filter(({ status }) => status === 503);
        assert(refused.length > 0, "writes were refused");
        assertEquals(refused.filter(({ retryAfter }) => retryAfter === null), []);
        assertEquals(writes.filter(({ ms }) => ms > WRITE_BOUND_MS), [], "writes that hung");

        assertEquals((await server.ask("GET", "/readyz")).status, 200, "ready again");
        await server.set("STEP", "a new value");
        assertEquals((await server.call("show")).text, "a new value");
      }, { env });
      assert(ended.err.includes("stale secrets"), "the log says that values were old");
    });
  } finally {
    await database.remove();
  }
});
