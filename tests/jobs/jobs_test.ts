/** Jobs from their submission to their end, over both databases and real children. */
import { assert, assertEquals } from "@std/assert";
import { assertCode } from "../support/assert_code.ts";
import { type JobWorld, type JobWorldOptions, withJobs } from "../support/job_world.ts";
import { until } from "../support/until.ts";
import { admin, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const jobTest = (name: string, options: JobWorldOptions, work: (jobs: JobWorld) => Promise<void>) =>
  test(name, (world) => withJobs(world, options, work));

const request = { requestId: "test" };

const GUIDE = `
async function syncToExternalService(apiKey, payload) { console.log("synced", apiKey, payload); }
export default async function handler(payload) {
  const apiKey = Deno.env.get("FLUXBASE_SECRET_EXTERNAL_API_KEY");
  const dbUrl = Deno.env.get("FLUXBASE_SECRET_ANALYTICS_DB");
  await syncToExternalService(apiKey, payload);
}`;

jobTest("the guide's job runs with its secrets, and its record names them", {
  code: { sync: GUIDE },
}, async (jobs) => {
  await jobs.setSecret("EXTERNAL_API_KEY", "ext-key-123456");
  await jobs.setSecret("ANALYTICS_DB", "postgres://analytics");
  const id = await jobs.submit("sync", { customer: 7 });
  const job = await jobs.ended(id);
  assertEquals([job.status, job.error, job.result, job.attempts], ["completed", null, null, 1]);
  const { attempts } = await jobs.room.jobs.find(admin, id);
  assertEquals(attempts[0]!.secrets, [
    { name: "ANALYTICS_DB", scope: "global", version: 1 },
    { name: "EXTERNAL_API_KEY", scope: "global", version: 1 },
  ]);
  assertEquals(await jobs.printed(id), ["synced *** { customer: 7 }"]);
  assertEquals(jobs.troubles, []);
});

jobTest("a retry sees the secret as it is then, and each attempt's version is on record", {
  code: {
    flaky: `export default (payload, job) => {
      const key = secrets.getRequired("TOKEN");
      if (key !== "second-token") throw new Error("refused " + key);
      return { key, attempt: job.attempt, payload };
    }`,
  },
}, async (jobs) => {
  await jobs.setSecret("TOKEN", "first-token");
  const id = await jobs.submit("flaky", "p", { retries: 30 - 10, retryDelayS: 0 });
  await until("a failed attempt", async () => (await jobs.job(id)).attempts >= 1);
  await jobs.setSecret("TOKEN", "second-token");
  const job = await jobs.ended(id);
  assertEquals(job.status, "completed");
  const result = JSON.parse(job.result!);
  assertEquals([result.key, result.payload], ["***", "p"]);
  const { attempts } = await jobs.room.jobs.find(admin, id);
  assertEquals(result.attempt, attempts.length);
  assertEquals(attempts[0]!.error, "refused ***");
  const versions = attempts.map(({ secrets }) => (secrets![0] as { version: number }).version);
  assertEquals([versions[0], versions.at(-1)], [1, 2]);
  assertEquals(attempts.map(({ outcome }) => outcome).at(-1), "completed");
  const [stored] = await jobs.world.database.sql`
    select (select string_agg(t::text, ' ') from functions.jobs t) as jobs,
      (select string_agg(t::text, ' ') from functions.job_attempts t) as attempts,
      (select string_agg(t::text, ' ') from functions.execution_logs t) as logs,
      (select string_agg(t::text, ' ') from pgboss.job t) as queue`;
  assert(!JSON.stringify(stored).includes("-token"), "no value is stored anywhere");
});

jobTest("a job that fails for good is a dead letter until it is retried", {
  code: { bad: `export default () => { throw new Error("no") }` },
}, async (jobs) => {
  const { room: { jobs: service } } = jobs;
  const id = await jobs.submit("bad", { n: 1 }, { retries: 2, retryDelayS: 0, priority: 5 });
  const job = await jobs.ended(id);
  assertEquals([job.status, job.attempts, job.error], ["failed", 3, "no"]);
  assertEquals((await service.list(admin, { dead: true, limit: 10 })).map((j) => j.id), [id]);
  assertEquals((await service.stats(admin)).dead, 1);
  jobs.code.set("bad", `export default (payload) => payload`);
  const { job: again } = await service.retry(admin, id, request);
  assertEquals([again.retryOf, again.priority, again.payload], [id, 5, '{"n":1}']);
  assertEquals((await jobs.ended(again.id)).result, '{"n":1}');
  assertEquals(await service.list(admin, { dead: true, limit: 10 }), []);
  assertEquals((await jobs.job(id)).retriedAs, again.id);
  await assertCode("CONFLICT", () => service.retry(admin, id, request));
});

jobTest("an order that was changed in the database is never signed by a retry", {
  code: { bad: `export default () => { throw new Error("no") }`, other: `export default () => {}` },
}, async (jobs) => {
  const { room: { jobs: service }, world: { database: { sql } } } = jobs;
  const id = await jobs.submit("bad", { n: 1 }, { retries: 0 });
  await jobs.ended(id);
  const changes = ["payload = '{}'", "name = 'other'", "namespace = 'prod'", "user_id = 'victim'"];
  for (const change of changes) {
    await sql.script(`create table kept as select * from functions.jobs;
      update functions.jobs set ${change}`);
    await assertCode("INTEGRITY_VIOLATION", () => service.retry(admin, id, request));
    await sql.script(`update functions.jobs j set payload = k.payload, name = k.name,
      namespace = k.namespace, user_id = k.user_id from kept k; drop table kept`);
  }
  assertEquals((await service.list(admin, { limit: 9 })).length, 1);
  await service.retry(admin, id, request);
});

jobTest("retries are further and further apart", {
  code: { bad: `export default () => { throw new Error("no") }` },
}, async (jobs) => {
  const id = await jobs.submit("bad", null, { retries: 3, retryDelayS: 100 });
  const first = await until("a pause", async () => {
    const job = await jobs.job(id);
    return job.attempts === 1 && job.status === "pending" && job;
  });
  const seconds = (first.dueAt!.getTime() - Date.now()) / 1_000;
  assert(seconds > 90 && seconds < 201, `the first retry is ${seconds} s away`);
  // The waiting is over at once: what is looked at is the pause after the second failure.
  await jobs.world.database.sql`update pgboss.job set start_after = now() where id = ${id}`;
  const second = await until("another pause", async () => {
    const job = await jobs.job(id);
    return job.attempts === 2 && job.status === "pending" && job;
  });
  const later = (second.dueAt!.getTime() - Date.now()) / 1_000;
  assert(later > 190 && later < 401, `the second retry is ${later} s away`);
});

jobTest("jobs of a higher priority come first, and scheduled ones not before their time", {
  code: { note: `export default (payload) => { console.log(payload); return payload }` },
  concurrency: 1,
  work: true,
}, async (jobs) => {
  const scheduledAt = new Date(Date.now() + 600_000);
  const later = await jobs.submit("note", "later", { scheduledAt, priority: 1_000 });
  jobs.code.set(
    "hold",
    `export default (_, job) => new Promise((end) => job.signal.onabort = end)`,
  );
  const hold = await jobs.submit("hold");
  await jobs.comesTo(hold, "running");
  const low = await jobs.submit("note", "low");
  const high = await jobs.submit("note", "high", { priority: 10 });
  await jobs.room.jobs.cancel(admin, hold);
  const [first, second] = [await jobs.ended(high), await jobs.ended(low)];
  assert(first.startedAt! < second.startedAt!, "the one of higher priority was first");
  const waits = await jobs.job(later);
  assertEquals([waits.status, waits.dueAt], ["pending", scheduledAt]);
  const stats = await jobs.room.jobs.stats(admin);
  assertEquals([stats.pending, stats.scheduled, stats.oldestPendingSeconds], [1, 1, null]);
});

jobTest("a waiting job and a running one can be cancelled, an ended one can't", {
  code: {
    waits: `export default async (_, job) => {
      console.log("begun");
      await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
      console.log("told");
    }`,
  },
  concurrency: 1,
}, async (jobs) => {
  const service = jobs.room.jobs;
  const running = await jobs.submit("waits");
  const waiting = await jobs.submit("waits");
  await until("its beginning", async () => (await jobs.printed(running)).includes("begun"));
  assertEquals((await service.cancel(admin, waiting)).status, "cancelled");
  assertEquals((await service.cancel(admin, running)).status, "cancelled");
  await until("the end of the run", () => jobs.room.worker!.running === 0);
  await until("its last line", async () => (await jobs.printed(running)).includes("told"));
  const { job, attempts } = await service.find(admin, running);
  assertEquals([job.error, attempts[0]!.outcome], ["The job was cancelled", "cancelled"]);
  assertEquals((await jobs.job(waiting)).attempts, 0);
  await assertCode("CONFLICT", () => service.cancel(admin, running));
});

jobTest("progress is seen while the job runs, masked", {
  code: {
    steps: `export default async (_, job) => {
      job.progress(25, "a quarter of " + secrets.get("KEY"));
      await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
    }`,
  },
}, async (jobs) => {
  await jobs.setSecret("KEY", "v4lue-to-mask");
  const id = await jobs.submit("steps");
  const { progress } = await until("progress", async () => {
    const job = await jobs.job(id);
    return job.progress !== null && job;
  });
  assertEquals([progress!.percent, progress!.message], [25, "a quarter of ***"]);
});

jobTest("what a job says of its time limit is on its record, and it is tried again", {
  code: { forever: `export default () => new Promise(() => setInterval(() => {}, 1000))` },
  timeoutMs: 300,
}, async (jobs) => {
  const id = await jobs.submit("forever", null, { retries: 1, retryDelayS: 0 });
  const job = await jobs.ended(id);
  assertEquals([job.status, job.attempts, job.errorCode], ["failed", 2, "JOB_TIMEOUT"]);
  assertEquals(job.error, "The job ran longer than its 0.3 s and was ended");
});

jobTest("the same Idempotency-Key submits once", {
  code: { note: `export default () => 1` },
}, async (jobs) => {
  const service = jobs.room.jobs;
  const input = { name: "note", namespace: null, payload: "{}" };
  const keyed = { ...request, idempotencyKey: "k1" };
  const all = await Promise.all(
    Array.from({ length: 5 }, () => service.submit(admin, input, keyed)),
  );
  assertEquals(new Set(all.map(({ job }) => job.id)).size, 1);
  assertEquals(all.filter(({ replayed }) => !replayed).length, 1);
  await assertCode(
    "IDEMPOTENCY_KEY_REUSED",
    () => service.submit(admin, { ...input, payload: "[]" }, keyed),
  );
});

jobTest("an order that was changed in the database is not run", {
  code: { note: `export default (payload) => payload` },
}, async (jobs) => {
  const scheduledAt = new Date(Date.now() + 600_000);
  const id = await jobs.submit("note", 1, { scheduledAt, retries: 0 });
  const { sql } = jobs.world.database;
  await sql`update functions.jobs set payload = '2' where id = ${id}`;
  await sql`update pgboss.job set start_after = now() where id = ${id}`;
  const job = await jobs.ended(id);
  assertEquals([job.status, job.errorCode, job.result], ["failed", "INTEGRITY_VIOLATION", null]);
});

jobTest("grants decide who submits, sees and stops what", {
  code: { note: `export default () => 1`, "note@prod": `export default () => 2` },
}, async (jobs) => {
  const service = jobs.room.jobs;
  const prod = { name: "note", namespace: "prod" as never, payload: "null" };
  const grant = (actions: string[], namespaces: string[]) => ({
    id: crypto.randomUUID(),
    kind: "service_key" as const,
    grants: [{ actions: actions as never, namespaces, names: ["*"] }],
  });
  const submitter = grant(["jobs:submit"], ["prod"]);
  const reader = grant(["jobs:read"], ["prod"]);
  const stranger = grant(["jobs:submit", "jobs:read", "jobs:manage"], ["dev"]);
  const { job } = await service.submit(submitter, prod, request);
  assertEquals(job.principal, submitter.id);
  await assertCode(
    "JOB_FUNCTION_NOT_FOUND",
    () => service.submit(submitter, { ...prod, namespace: null }, request),
  );
  await assertCode("ACCESS_DENIED", () => service.submit(reader, prod, request));
  await assertCode("JOB_FUNCTION_NOT_FOUND", () => service.submit(stranger, prod, request));
  await jobs.ended(job.id);
  assertEquals((await service.list(reader, { limit: 9 })).length, 1);
  assertEquals((await service.list(stranger, { limit: 9 })).length, 0);
  assertEquals((await service.stats(stranger)).completed, 0);
  await assertCode("JOB_NOT_FOUND", () => service.find(stranger, job.id));
  await assertCode("ACCESS_DENIED", () => service.cancel(reader, job.id));
  await assertCode(
    "JOB_FUNCTION_NOT_FOUND",
    () => service.submit(admin, { ...prod, name: "missing" }, request),
  );
});
