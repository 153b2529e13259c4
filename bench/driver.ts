/**
 * Does the PostgreSQL driver hold out? Five rounds of load in one process, then faults.
 *
 * Run: `deno run -A bench/driver.ts`. It fails when the last round is 15 % below the first, or when
 * a statement is left pending after a restart, an outage or a freeze of the server.
 *
 * @module
 */
import { openPostgres } from "../lib/store/postgres.ts";
import type { Database } from "../lib/store/sql.ts";
import { PostgresServer } from "../tests/support/postgres_server.ts";
import { pause } from "./support/pause.ts";

const ROUNDS = 5;
const PER_ROUND = 25_000;
const IN_FLIGHT = 32;
const MAX = 8;
const OUTAGE_MS = 4_000;
/** A statement settles by its deadline after waiting its turn; this is the sum and a margin. */
const SETTLED_MS = 16_000;

/** Runs `count` statements, `IN_FLIGHT` at a time, and returns how many a second. */
async function round(database: Database, count: number): Promise<number> {
  let left = count;
  const started = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (left-- > 0) await database.sql`select ${left}::int as n`;
  }));
  return count / (performance.now() - started) * 1000;
}

interface Outcome {
  readonly done: number;
  readonly failed: number;
  readonly wrong: number;
  readonly pending: number;
  readonly slowestMs: number;
  readonly slowestFailureMs: number;
}

/** Keeps the database busy while `fault` happens, then waits for every statement to settle. */
async function under(database: Database, fault: () => Promise<void>): Promise<Outcome> {
  const seen = { done: 0, failed: 0, wrong: 0, pending: 0, slowestMs: 0, slowestFailureMs: 0 };
  let running = true;
  let next = 0;
  async function worker(): Promise<void> {
    while (running) {
      const n = next++;
      const started = performance.now();
      seen.pending += 1;
      try {
        const [row] = await (n % 3 === 0
          ? database.sql.transaction((sql) =>
            sql<{ n: number }>`select ${n}::int as n`
          )
          : database.sql<{ n: number }>`select ${n}::int as n`);
        seen.done += 1;
        if (row?.n !== n) seen.wrong += 1;
        seen.slowestMs = Math.max(seen.slowestMs, performance.now() - started);
      } catch {
        seen.failed += 1;
        seen.slowestFailureMs = Math.max(seen.slowestFailureMs, performance.now() - started);
        await pause(1);
      } finally {
        seen.pending -= 1;
      }
    }
  }
  const workers = Array.from({ length: IN_FLIGHT }, worker);
  await pause(500);
  await fault();
  await pause(1_500);
  running = false;
  await Promise.race([Promise.all(workers), pause(SETTLED_MS)]);
  return seen;
}

function faults(server: PostgresServer): Record<string, () => Promise<void>> {
  async function outage(mode: "fast" | "kill", ms: number): Promise<void> {
    await server.stop(mode);
    await pause(ms);
    await server.start();
  }
  return {
    "fast restart": () => outage("fast", 0),
    "fast restart again": () => outage("fast", 0),
    "kill -9 and restart": () => outage("kill", 0),
    "4 s outage": () => outage("fast", OUTAGE_MS),
    "4 s freeze": async () => {
      await server.pause();
      await pause(OUTAGE_MS);
      await server.resume();
    },
  };
}

const server = await PostgresServer.create();
await server.start();
const database = await openPostgres(server.url, { max: MAX });
let passed = true;

const rates: number[] = [];
for (let index = 0; index < ROUNDS; index++) rates.push(await round(database, PER_ROUND));
const ratio = rates[ROUNDS - 1]! / rates[0]!;
passed &&= ratio > 0.85;
console.log("statements/s by round", rates.map(Math.round), "last/first", ratio.toFixed(2));

for (const [name, fault] of Object.entries(faults(server))) {
  const outcome = await under(database, fault);
  const recovered = await round(database, 2_000).then(Math.round, () => 0);
  passed &&= outcome.pending === 0 && outcome.wrong === 0 && recovered > 0;
  console.log(name, outcome, "afterwards", recovered, "statements/s");
}

await database.close();
await server.remove();
console.log(passed ? "passed" : "FAILED");
Deno.exit(passed ? 0 : 1);
