/** Workers that shut down, are lost or come back, and schedules, over both databases. */
import { assert, assertEquals } from "@std/assert";
import { TestClock } from "pg-boss";
import { assertCode } from "../support/assert_code.ts";
import { createPostgresDatabase, withDatabase } from "../support/databases.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import { type JobWorld, type JobWorldOptions, withJobs } from "../support/job_world.ts";
import { until } from "../support/until.ts";
import { admin, joinWorld, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();

const UNTIL_TOLD = `export default async (_, job) => {
  if (job.attempt > 1) return job.attempt;
  console.log("begun");
  await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
}`;
const BRIEF = `export default async () => {
  console.log("begun");
  await new Promise((resolve) => setTimeout(resolve, 300));
  return "whole";
}`;

test("a worker that shuts down lets jobs finish and hands back what takes longer", async (world) => {
  const code = { long: UNTIL_TOLD, brief: BRIEF };
  const ids: string[] = [];
  await withJobs(world, { code, graceMs: 3_000 }, async (jobs) => {
    ids.push(await jobs.submit("long", null, { retries: 0 }), await jobs.submit("brief"));
    for (const id of ids) {
      await until("it has begun", async () => (await jobs.printed(id)).includes("begun"));
    }
  });
  await withJobs(world, { code, work: false }, async (jobs) => {
    const [long, brief] = await Promise.all(ids.map(jobs.job));
    assertEquals([long!.status, brief!.status, brief!.result], ["pending", "completed", '"whole"']);
    const { attempts } = await jobs.room.jobs.find(admin, ids[0]!);
    assertEquals(attempts.map(({ outcome }) => outcome), ["handed_back"]);
  });
  await withJobs(world, { code }, async (jobs) => {
    const long = await jobs.ended(ids[0]!);
    // It had no retry left to spend, and none was spent.
    assertEquals([long.status, long.result], ["completed", "2"]);
  });
});

/** What a worker leaves behind that was killed while it ran a job. */
async function abandonClaim({ database: { sql } }: World, id: string): Promise<void> {
  await sql`update pgboss.job set state = 'active', started_on = now(),
    heartbeat_on = now() - interval '1 hour' where id = ${id}`;
  await sql`insert into functions.job_attempts (job_id, attempt, execution_id, worker, started_at)
    values (${id}, 1, ${crypto.randomUUID()}, 'worker-gone', ${new Date()})`;
}

test("a job whose worker is lost is taken over, and no retry is spent", async (world, kind) => {
  const code = { count: `export default (_, job) => job.attempt` };
  let id = "";
  await withJobs(world, { code, work: false }, async (jobs) => {
    id = await jobs.submit("count", null, { retries: 0 });
    await abandonClaim(world, id);
    assertEquals((await jobs.job(id)).status, "running");
  });
  await withJobs(world, { code, silentMs: 300, beatMs: 50 }, async (jobs) => {
    const job = await jobs.ended(id);
    assertEquals([job.status, job.result], ["completed", "2"]);
    const { attempts } = await jobs.room.jobs.find(admin, id);
    assertEquals(attempts.map(({ outcome }) => outcome), ["lost", "completed"], kind);
    assertEquals(attempts[0]!.error, "The worker was lost");
  });
});

test("a job that costs one worker after another has failed at last", async (world) => {
  const code = { count: `export default (_, job) => job.attempt` };
  await withJobs(world, { code, work: false }, async (jobs) => {
    const id = await jobs.submit("count", null, { retries: 0 });
    await abandonClaim(world, id);
    const { sql } = world.database;
    for (let attempt = 2; attempt <= 6; attempt++) {
      await sql`insert into functions.job_attempts (job_id, attempt, execution_id, worker,
        started_at, outcome) values (${id}, ${attempt}, ${crypto.randomUUID()}, 'w', now(), 'lost')`;
    }
    await withJobs(world, { code, silentMs: 300, beatMs: 50 }, async (others) => {
      const job = await others.ended(id);
      assertEquals(job.status, "failed");
    });
  });
});

test("a worker that was taken for lost can't end the job, and stops its run", async (world) => {
  const code = { long: UNTIL_TOLD };
  await withJobs(world, { code, beatMs: 50 }, async (jobs) => {
    const id = await jobs.submit("long", null, { retries: 0 });
    await until("it has begun", async () => (await jobs.printed(id)).includes("begun"));
    const { sql } = world.database;
    await sql`update pgboss.job set state = 'retry', retry_limit = 5,
      start_after = now() + interval '1 second' where id = ${id}`;
    await until("the run is stopped", () => jobs.room.worker!.running === 0);
    const job = await jobs.ended(id);
    assertEquals([job.status, job.result], ["completed", "2"]);
    assertEquals(jobs.troubles, []);
  });
});

test("what is in the queue and has no record leaves it", async (world) => {
  await withJobs(
    world,
    { code: { count: "export default () => 1" }, work: false },
    async (jobs) => {
      const id = await jobs.submit("count");
      const { sql } = world.database;
      await sql`delete from functions.jobs where id = ${id}`;
      await withJobs(world, { code: {} }, async (others) => {
        await until("it is out of the queue", async () => {
          const [row] = await sql`select state::text from pgboss.job where id = ${id}`;
          return row!.state === "cancelled";
        });
        assertEquals(others.room.worker!.running, 0);
      });
    },
  );
});

test("a schedule is set, shown, changed and removed", async (world) => {
  await withJobs(
    world,
    { code: { report: "export default () => 1" }, work: false },
    async (jobs) => {
      const service = jobs.room.jobs;
      const place = { name: "report", namespace: null };
      const daily = { ...place, cron: "0 3 * * *", timezone: "Europe/Berlin", payload: '{"a":1}' };
      const set = await service.setSchedule(admin, daily);
      assert(set.nextAt! > new Date());
      await service.setSchedule(admin, { ...daily, cron: "@hourly", timezone: "UTC" });
      const all = await service.listSchedules(admin);
      assertEquals(all.map(({ cron, payload }) => [cron, payload]), [["@hourly", '{"a":1}']]);
      for (const cron of ["", "* * * *", "61 * * * *", "* * * * * *", "FREQ=DAILY", "a b c d e"]) {
        await assertCode("INVALID_INPUT", () => service.setSchedule(admin, { ...daily, cron }));
      }
      await assertCode(
        "INVALID_INPUT",
        () => service.setSchedule(admin, { ...daily, timezone: "Mars/Base" }),
      );
      await assertCode(
        "JOB_FUNCTION_NOT_FOUND",
        () => service.setSchedule(admin, { ...daily, name: "missing" }),
      );
      await service.removeSchedule(admin, place);
      await assertCode("SCHEDULE_NOT_FOUND", () => service.removeSchedule(admin, place));
      assertEquals(await service.listSchedules(admin), []);
    },
  );
});

/** Sets a schedule for every minute and lets two of them pass on a clock driven by hand. */
async function fireTwice(jobs: JobWorld, clock: TestClock): Promise<void> {
  const service = jobs.room.jobs;
  const place = { name: "tick", namespace: null };
  const every = { ...place, cron: "* * * * *", timezone: "UTC", payload: '"tock"' };
  await service.setSchedule(admin, every);
  const completed = async (count: number) => {
    const all = await service.list(admin, { status: "completed", limit: 10 });
    return all.length >= count && all;
  };
  for (const count of [1, 2]) {
    await until(`occurrence ${count}`, async () => {
      if (await completed(count)) return true;
      await clock.tick(10_000);
      return false;
    });
  }
  const all = await until("both", () => completed(2));
  const results = await Promise.all(all.map(async ({ id }) => (await jobs.job(id)).result));
  assertEquals(results.slice(0, 2), ['"tock"', '"tock"']);
  assertEquals(all[0]!.requestId, "schedule -/tick");
  await service.removeSchedule(admin, place);
}

const TICK: Pick<JobWorldOptions, "code"> = { code: { tick: "export default (p) => p" } };

Deno.test("a cron job fires twice (embedded)", () =>
  withDatabase("embedded", async (database) => {
    const world = await joinWorld(database);
    const clock = new TestClock(Date.UTC(2031, 0, 1, 12));
    await withJobs(world, { ...TICK, clock }, (jobs) => fireTwice(jobs, clock));
  }));

Deno.test("a cron job fires twice (postgres)", async () => {
  const { url, drop } = await createPostgresDatabase();
  try {
    // Every connection of the pool has to go by the clock that is driven by hand.
    const first = await openPostgres(url);
    await first.sql.script(`do $$ begin execute format(
      'alter database %I set pgboss.test_clock = on', current_database()); end $$`);
    await first.close();
    const database = await openPostgres(url);
    const world = await joinWorld(database);
    const clock = new TestClock(Date.UTC(2031, 0, 1, 12));
    try {
      await withJobs(world, { ...TICK, clock }, (jobs) => fireTwice(jobs, clock));
    } finally {
      await database.close();
    }
  } finally {
    await drop();
  }
});
