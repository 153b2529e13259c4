/**
 * PostgreSQL is stopped for a minute under load and started again: what clients see.
 *
 * @module
 */
import { generateRootKey } from "../lib/crypto/root_key.ts";
import { type Answer, watchOutage } from "../tests/support/outage.ts";
import { PostgresServer } from "../tests/support/postgres_server.ts";
import { withServer } from "../tests/support/server.ts";
import { withSite } from "../tests/support/site.ts";
import { alone, atMost, type BenchOptions, type Measure } from "./support/measure.ts";

const OUTAGE_MS = 60_000;
const QUICK_MS = 5_000;
const AROUND_MS = 3_000;

/** Counts the answers of the time without a database. */
export async function run({ quick }: BenchOptions): Promise<Measure[]> {
  const outageMs = quick ? QUICK_MS : OUTAGE_MS;
  const database = await PostgresServer.create();
  await database.start();
  let answers: Answer[] = [];
  try {
    await withSite("embedded", async (site) => {
      await site.write("show.ts", `export default () => new Response(secrets.get("STEP"));`);
      const env = { DATABASE_URL: database.url, FLUXBASE_ENCRYPTION_KEY: generateRootKey().text };
      await withServer(site, async (server) => {
        await server.set("STEP", "a value");
        await server.set("OTHER", "another value");
        await server.call("show");
        answers = await watchOutage(server, database, {
          outageMs,
          aroundMs: AROUND_MS,
          callers: 8,
        });
      }, { env });
    });
  } finally {
    await database.remove();
  }
  const during = answers.filter(({ beganAt }) => beganAt > 0 && beganAt < outageMs);
  const after = answers.filter(({ beganAt }) => beganAt > outageMs + AROUND_MS / 2);
  return [
    alone("calls answered", "", count(during, "call", 200)),
    alone("calls that failed", "", count(during, "call") - count(during, "call", 200), atMost(0)),
    alone("reads refused with 503", "", count(during, "read", 503)),
    alone("writes refused with 503", "", count(during, "write", 503)),
    alone("slowest refused write", "ms", slowest(during, "write"), atMost(2_000)),
    alone("slowest call", "ms", slowest(during, "call")),
    alone("not 200, once it was back", "", after.filter(({ status }) => status !== 200).length),
  ];
}

function count(answers: readonly Answer[], kind: string, status?: number): number {
  return answers.filter((answer) =>
    answer.kind === kind && (status === undefined || answer.status === status)
  ).length;
}

function slowest(answers: readonly Answer[], kind: string): number {
  return Math.max(0, ...answers.filter((answer) => answer.kind === kind).map(({ ms }) => ms));
}
