/**
 * Jobs beside bare pg-boss with an empty handler: how many a second, and how soon one is begun. What
 * the queue with its records costs and what the child costs are told apart.
 *
 * @module
 */
import type { AttemptRunner } from "../lib/jobs/settle.ts";
import { openEmbedded } from "../lib/store/embedded.ts";
import { openPostgres } from "../lib/store/postgres.ts";
import type { Database } from "../lib/store/sql.ts";
import { createEmbeddedDirectory, createPostgresDatabase } from "../tests/support/databases.ts";
import { type JobWorldOptions, openJobs } from "../tests/support/job_world.ts";
import { until } from "../tests/support/until.ts";
import { admin, joinWorld, type World } from "../tests/support/world.ts";
import { bareJobs, barePickUp } from "./peers/bare_boss.ts";
import { alone, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { pause } from "./support/pause.ts";
import { median, takeTurns } from "./support/rounds.ts";

/** Jobs at once, in every contender. */
const CONCURRENCY = 4;
const CODE = { empty: "export default () => {}" };
const PEER = "bare pg-boss";

/** Measures both databases. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const amount = quick ? { rounds: 2, jobs: 40, times: 5 } : { rounds: 5, jobs: 100, times: 25 };
  const { url, drop } = await createPostgresDatabase();
  scope.defer(drop);
  const { directory, remove } = await createEmbeddedDirectory();
  scope.defer(remove);
  const postgres = await openPostgres(url);
  scope.defer(() => postgres.close());
  const embedded = await openEmbedded(directory);
  scope.defer(() => embedded.close());
  return [
    ...await onPostgres(postgres, url, amount),
    ...await onEmbedded(embedded, amount),
  ];
}

interface Amount {
  readonly rounds: number;
  readonly jobs: number;
  /** Pick-ups of one figure. */
  readonly times: number;
}

async function onPostgres(database: Database, url: string, amount: Amount): Promise<Measure[]> {
  const { rounds, jobs, times } = amount;
  const world = await joinWorld(database);
  const { bare, queue, whole, barePick, pick } = await takeTurns(rounds, {
    bare: () => bareJobs(url, database.sql, { jobs, concurrency: CONCURRENCY }),
    queue: () => rateOf(world, jobs, { runner: nothing() }),
    whole: () => rateOf(world, jobs, {}),
    barePick: () => barePickUp(url, times),
    pick: () => pickUpOf(world, times),
  });
  return [
    beside("queue and records alone, PostgreSQL", "jobs/s", queue, [PEER, bare]),
    beside("with a child for each, PostgreSQL", "jobs/s", whole, [PEER, bare]),
    alone("what the child costs of a worker's time", "ms", childMs(queue, whole)),
    beside("pick-up, PostgreSQL", "ms", pick, [PEER, barePick]),
  ];
}

async function onEmbedded(database: Database, amount: Amount): Promise<Measure[]> {
  const { rounds, jobs, times } = amount;
  const world = await joinWorld(database);
  const { queue, whole, pick } = await takeTurns(rounds, {
    queue: () => rateOf(world, jobs, { runner: nothing() }),
    whole: () => rateOf(world, jobs, {}),
    pick: () => pickUpOf(world, times),
  });
  return [
    alone("queue and records alone, embedded", "jobs/s", median(queue)),
    alone("with a child for each, embedded", "jobs/s", median(whole)),
    alone("pick-up, embedded", "ms", median(pick)),
  ];
}

/** What the child adds to the time that a job takes one of the workers' places. */
function childMs(queue: readonly number[], whole: readonly number[]): number {
  const busyMs = (rates: readonly number[]) => 1_000 * CONCURRENCY / median(rates);
  return busyMs(whole) - busyMs(queue);
}

/** Stands in the place of the child. */
function nothing(onBegun = () => {}): AttemptRunner {
  const end = { result: null, error: null, code: null, codeHash: null, secrets: [] };
  return {
    run() {
      onBegun();
      return Promise.resolve({ outcome: "completed", ...end });
    },
  };
}

/** Jobs a second, from the first that is begun to the last that has ended. */
async function rateOf(
  world: World,
  count: number,
  options: Pick<JobWorldOptions, "runner">,
): Promise<number> {
  const { sql } = world.database;
  await sql.script("truncate functions.jobs cascade; delete from pgboss.job").catch(() => {});
  await using opened = new AsyncDisposableStack();
  const waiting = await openJobs(world, { code: CODE, work: false }, opened);
  for (let i = 0; i < count; i++) await waiting.submit("empty");
  await openJobs(world, { ...options, code: CODE, concurrency: CONCURRENCY }, opened);
  await until("all have ended", async () => {
    await pause(100);
    return (await waiting.room.jobs.stats(admin)).completed === count;
  });
  const [row] = await sql<{ seconds: number }>`
    select extract(epoch from max(finished_at) - min(started_at))::float8 as seconds
    from functions.job_attempts`;
  return count / row!.seconds;
}

/** Median time from the call that submits a job to the call of its handler, ms. */
async function pickUpOf(world: World, times: number): Promise<number> {
  await using opened = new AsyncDisposableStack();
  let begun = Promise.withResolvers<void>();
  const runner = nothing(() => begun.resolve());
  const jobs = await openJobs(world, { code: CODE, runner }, opened);
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    begun = Promise.withResolvers();
    const started = performance.now();
    const id = await jobs.submit("empty");
    await begun.promise;
    found.push(performance.now() - started);
    await jobs.ended(id);
  }
  return median(found);
}
