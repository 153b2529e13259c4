/**
 * pg-boss by itself, with its own driver and an empty handler, set up to be as fast as it can with as
 * many jobs at once as ours.
 *
 * @module
 */
import "@opentelemetry/api";
import { PgBoss } from "pg-boss";
import type { Sql } from "../../lib/store/sql.ts";
import { until } from "../../tests/support/until.ts";
import { median } from "../support/rounds.ts";

const QUEUE = "empty";

/** Jobs a second, from the first that is begun to the last that has ended. */
export async function bareJobs(
  url: string,
  sql: Sql,
  { jobs, concurrency }: { jobs: number; concurrency: number },
): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const boss = await openBoss(url, opened);
  await boss.deleteAllJobs(QUEUE);
  await boss.insert(QUEUE, Array.from({ length: jobs }, () => ({ data: {} })));
  let ended = 0;
  // A batch of its size is fetched again at once; one job at a time would wait for the next poll.
  const options = { batchSize: concurrency, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
  await boss.work(QUEUE, { ...options, perJobResults: true }, (batch) => {
    ended += batch.length;
    return Promise.resolve(batch.map(({ id }) => ({ id, status: "completed" as const })));
  });
  await until("all have ended", () => ended === jobs);
  await boss.offWork(QUEUE);
  const [row] = await sql.query<{ seconds: number }>(
    `select extract(epoch from max(completed_on) - min(started_on))::float8 as seconds
     from bare.job where name = $1`,
    [QUEUE],
  );
  return jobs / row!.seconds;
}

/** Median time from the call that sends a job to the call of its handler, ms. */
export async function barePickUp(url: string, times: number): Promise<number> {
  await using opened = new AsyncDisposableStack();
  const boss = await openBoss(url, opened);
  let begun = Promise.withResolvers<void>();
  await boss.work(QUEUE, { pollingIntervalSeconds: 0.5 }, () => {
    begun.resolve();
    return Promise.resolve();
  });
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    begun = Promise.withResolvers();
    const started = performance.now();
    await boss.send(QUEUE, {});
    await begun.promise;
    found.push(performance.now() - started);
  }
  return median(found);
}

async function openBoss(url: string, opened: AsyncDisposableStack): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString: url, schema: "bare", useListenNotify: true });
  boss.on("error", () => {});
  await boss.start();
  opened.defer(() => boss.stop({ graceful: false }));
  await boss.createQueue(QUEUE, { notify: true });
  return boss;
}
