/**
 * Do workers that die lose jobs? Two processes that take submissions and three that run jobs, on one
 * PostgreSQL; one of the three is killed with -9 every few seconds and started again.
 *
 * Run: `deno run -A bench/job_storm.ts [jobs]`. It fails when a job is lost, is ended twice or not at
 * all, or when a dead letter is one too many or too few.
 *
 * @module
 */
import { openPostgres } from "../lib/store/postgres.ts";
import type { Database } from "../lib/store/sql.ts";
import { ServerProcess } from "../tests/support/server.ts";
import { type Site, withSite } from "../tests/support/site.ts";
import { pause } from "./support/pause.ts";

const KILL_EVERY_MS = 4_000;
/** Every fiftieth job fails however often it is tried. */
const CODE = `export default async ({ n }) => {
  await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 200));
  if (n % 50 === 49) throw new Error("it always fails");
  return n;
}`;

const total = Number(Deno.args[0] ?? 2_000);
let passed = false;

await withSite("postgres", async (site) => {
  await Deno.mkdir(`${site.directory}/jobs`);
  await Deno.writeTextFile(`${site.directory}/jobs/counted.js`, CODE);
  const database = await openPostgres(site.databaseUrl!);
  const processes = new Set<ServerProcess>();
  try {
    passed = await storm(site, database, processes);
  } finally {
    await Promise.all([...processes].map((each) => each.end()));
    await database.close();
  }
});
console.log(passed ? "passed" : "FAILED");
Deno.exit(passed ? 0 : 1);

async function storm(
  site: Site,
  database: Database,
  processes: Set<ServerProcess>,
): Promise<boolean> {
  const start = async (role: string) => {
    const server = await ServerProcess.start(site, { env: { FLUXBASE_ROLE: role } });
    processes.add(server);
    return server;
  };
  const apis = [await start("api"), await start("api")];
  const workers = await Promise.all([start("worker"), start("worker"), start("worker")]);
  const key = apis.map(({ adminKey }) => adminKey).find((text) => text !== "")!;
  const started = performance.now();
  const kills: Date[] = [];
  let over = false;
  const killer = (async () => {
    for (let turn = 0; !over; turn++) {
      await pause(KILL_EVERY_MS);
      if (over) return;
      const victim = workers[turn % workers.length]!;
      processes.delete(victim);
      kills.push(new Date());
      await victim.end("SIGKILL");
      workers[turn % workers.length] = await start("worker");
    }
  })();
  for (let n = 0; n < total; n++) {
    const json = { job_name: "counted", payload: { n }, max_retries: 1, retry_delay_seconds: 0 };
    const { status, text } = await apis[n % 2]!.ask("POST", "/api/v1/jobs/submit", { json, key });
    if (status !== 201) throw new Error(`Not accepted: ${status} ${text}`);
  }
  console.log("submitted", total, "in", seconds(started));
  while (await count(database, "outcome is null") > 0) await pause(500);
  over = true;
  await killer;
  console.log("ended after", seconds(started), "with", kills.length, "workers killed");
  return await judge(database, kills);
}

async function judge({ sql }: Database, kills: readonly Date[]): Promise<boolean> {
  const dead = Math.floor(total / 50);
  const jobs = await sql`
    select outcome, count(*)::int as jobs from functions.jobs group by outcome order by 1`;
  const attempts = await sql`
    select outcome, count(*)::int as attempts from functions.job_attempts group by 1 order by 1`;
  const [odd] = await sql<{ twice: number; never: number; wrong: number }>`
    with ends as (select j.id, j.outcome, j.result, j.payload,
        count(*) filter (where a.outcome = 'completed') as completed
      from functions.jobs j left join functions.job_attempts a on a.job_id = j.id group by j.id)
    select (count(*) filter (where completed > 1))::int as twice,
      (count(*) filter (where outcome = 'completed' and completed <> 1))::int as never,
      (count(*) filter (where outcome = 'completed'
        and result <> (payload::jsonb ->> 'n')))::int as wrong from ends`;
  const [takeover] = await sql<{ lost: number; slowest: number | null }>`
    select count(*)::int as lost, max(extract(epoch from next.started_at - (
        select max(k) from unnest(${kills.map((kill) => kill.toISOString())}::timestamptz[]) k
        where k <= a.finished_at)))::float8 as slowest
    from functions.job_attempts a
    join functions.job_attempts next on next.job_id = a.job_id and next.attempt = a.attempt + 1
    where a.outcome = 'lost'`;
  console.log("jobs", jobs, "attempts", attempts, odd, "taken over", takeover);
  const outcomes = Object.fromEntries(jobs.map((row) => [row.outcome, row.jobs]));
  return outcomes.completed === total - dead && outcomes.failed === dead &&
    odd!.twice + odd!.never + odd!.wrong === 0;
}

async function count({ sql }: Database, condition: string): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from functions.jobs where ${condition}`,
  );
  return row!.n;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}
