/** Jobs while PostgreSQL goes away and comes back, over connections that are verified TLS. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Attempt, Job } from "../../lib/jobs/job.ts";
import { migrate } from "../../lib/store/migrate.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Database } from "../../lib/store/sql.ts";
import { Authority } from "../support/certificates.ts";
import { type JobWorld, openJobs } from "../support/job_world.ts";
import { PostgresServer, type StopMode } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";
import { admin, joinWorld } from "../support/world.ts";

/** Ends at a moment, so that it can be in the midst of the outage or behind it. */
const CODE = {
  timed: `export default async ({ endsAt, failures }, job) => {
    await new Promise((resolve) => setTimeout(resolve, endsAt - Date.now()));
    if (job.attempt <= failures) throw new Error("not this time");
    return job.attempt;
  }`,
};
const MIGRATIONS = new URL("../../migrations/", import.meta.url);
/** Longer than this without a sign of life, and a worker would lose its jobs. */
const SILENT_MS = 5_000;
const OUTAGE_MS = SILENT_MS + 500;
/** From submitting to the outage: children have to start. */
const LEAD_MS = 1_500;
/** Jobs of each kind. */
const EACH = 3;
/** Of each worker; the jobs that wait are left over. */
const CONCURRENCY = 4;

/** A server with TLS, its database at hand with everything verified. */
async function openServer(opened: AsyncDisposableStack) {
  const directory = await Deno.makeTempDir();
  opened.defer(() => Deno.remove(directory, { recursive: true }));
  const authority = await Authority.create(directory);
  const certificate = await authority.certify("localhost");
  const server = await PostgresServer.create({ certificate });
  opened.defer(() => server.remove());
  await server.start();
  const url = new URL(server.url);
  url.hostname = "localhost";
  url.search = `sslmode=verify-full&sslrootcert=${authority.file}`;
  const open = async () => {
    const database = await openPostgres(url.href);
    opened.defer(() => database.close(0));
    return database;
  };
  return { server, open };
}

/** Two workers over one database, each with connections of its own. */
async function openWorkers(opened: AsyncDisposableStack, open: () => Promise<Database>) {
  const first = await open();
  await migrate(first, MIGRATIONS);
  const world = await joinWorld(first);
  const options = { code: CODE, concurrency: CONCURRENCY, silentMs: SILENT_MS, beatMs: 100 };
  const jobs = await openJobs(world, options, opened);
  const other = { ...world, database: await open() };
  return { jobs, others: await openJobs(other, options, opened), sql: first.sql };
}

interface Kind {
  readonly endsAt: number;
  readonly failures: number;
  readonly retries: number;
  /** How its job ends, and how its attempts did, as far as they were begun. */
  readonly ends: readonly [Job["status"], result: string | null, ...outcomes: string[]];
}

/** Kinds of jobs. Eight are under way when the database goes, and the others wait. */
function kindsAt(outageAt: number): Readonly<Record<string, Kind>> {
  const within = outageAt + 1_000;
  const behind = outageAt + OUTAGE_MS + 1_000;
  return {
    "ends within": {
      endsAt: within,
      failures: 0,
      retries: 0,
      ends: ["completed", "1", "completed"],
    },
    "fails within, is retried": {
      endsAt: within,
      failures: 1,
      retries: 1,
      ends: ["completed", "2", "failed", "completed"],
    },
    "ends behind": {
      endsAt: behind,
      failures: 0,
      retries: 0,
      ends: ["completed", "1", "completed"],
    },
    "waits": { endsAt: 0, failures: 1, retries: 0, ends: ["failed", null, "failed"] },
  };
}

// Beside each other, since both wait for most of their time.
Deno.test("every job ends once though PostgreSQL was shut down or killed meanwhile", async () => {
  await Promise.all([endOverOutage("fast"), endOverOutage("kill")]);
});

async function endOverOutage(mode: StopMode): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const { server, open } = await openServer(opened);
  const { jobs, others, sql } = await openWorkers(opened, open);
  const running = () => jobs.room.worker!.running + others.room.worker!.running;
  const outageAt = Date.now() + LEAD_MS;
  const submitted = await submitAll(jobs, outageAt);
  await until("both workers have all they can take", () => running() === 2 * CONCURRENCY);
  await assertAllVerified(sql);

  await until("the moment of the outage", () => Date.now() >= outageAt);
  await server.stop(mode);
  await until("its end", () => Date.now() >= outageAt + OUTAGE_MS);
  await server.start();
  // A server that was killed begins by recovering, and says so to whoever asks meanwhile.
  await until("the database answers", () => sql`select 1`.then(() => true, () => false));

  for (const { id, name, ends } of submitted) {
    assertEquals([name, ...await endOf(jobs, id)], [name, ...ends], mode);
  }
  await until("the workers are free", () => running() === 0);
  const active = await sql`select id from pgboss.job where state = 'active'`;
  assertEquals(active, []);
  const later = await others.submit("timed", { endsAt: 0, failures: 0 });
  assertEquals(await endOf(jobs, later), ["completed", "1", "completed"]);
  await assertAllVerified(sql);
  for (const { troubles } of [jobs, others]) assertTold(troubles);
}

/** Of each thing that failed one is told, and on a slow machine a few more a minute later. */
const MOST_TOLD = 12;

/** An outage is told in words, and not as a flood. */
function assertTold(troubles: readonly string[]): void {
  assertNotEquals(troubles, []);
  assert(troubles.length <= MOST_TOLD, troubles.join("\n"));
  for (const trouble of troubles) {
    assertMatch(trouble, /^(?:queue|jobs not claimed|no sign of life given|job not settled): /);
    assert(!trouble.includes("[object"), trouble);
  }
}

async function submitAll(jobs: JobWorld, outageAt: number) {
  const submitted: { id: string; name: string; ends: Kind["ends"] }[] = [];
  for (const [name, { retries, ends, ...payload }] of Object.entries(kindsAt(outageAt))) {
    for (let n = 0; n < EACH; n++) {
      const id = await jobs.submit("timed", payload, { retries, retryDelayS: 0 });
      submitted.push({ id, name, ends });
    }
  }
  return submitted;
}

/** How a job and its attempts have ended, once it has. */
async function endOf(jobs: JobWorld, id: string): Promise<unknown[]> {
  const asked = async (): Promise<{ job: Job; attempts: Attempt[] } | false> => {
    const found = await jobs.room.jobs.find(admin, id);
    return found.job.finishedAt !== null && found;
  };
  const { job, attempts } = await until(`job ${id} ends`, asked);
  return [job.status, job.result, ...attempts.map(({ outcome }) => outcome)];
}

/** Statements, notifications and the queue: every connection is there, and under TLS. */
async function assertAllVerified(sql: Database["sql"]): Promise<void> {
  const look = () =>
    sql<{ ssl: boolean; listeners: number }>`
      select s.ssl, (count(*) filter (where a.query ilike 'listen %'))::int as listeners
      from pg_stat_activity a join pg_stat_ssl s using (pid)
      where a.backend_type = 'client backend' group by s.ssl`;
  const rows = await until("both workers listen", async () => {
    const found = await look();
    return found.reduce((sum, { listeners }) => sum + listeners, 0) === 2 && found;
  });
  assertEquals(rows, [{ ssl: true, listeners: 2 }]);
}
