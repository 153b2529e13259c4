/** Schedules that came with a backup. */
import { assertEquals } from "@std/assert";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { TestClock } from "pg-boss";
import {
  bytesOf,
  fillSchedules,
  joinBackups,
  SCHEDULES,
  streamOf,
} from "../support/backup_world.ts";
import { withDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";
import { admin } from "../support/world.ts";

/** Sunday: the one of weekdays waits. */
const START = Date.UTC(2031, 0, 5, 12, 58);

Deno.test("a restored schedule comes due, and submits its job with the payload of then", async () => {
  await withDatabase("postgres", async (source) => {
    await using there = new AsyncDisposableStack();
    const from = await joinBackups(source, there);
    await fillSchedules(from);
    const identity = await generateIdentity();
    const lock = { recipients: [await identityToRecipient(identity)] };
    const file = await bytesOf(await from.backups.create(admin, lock));
    await withDatabase("embedded", async (target) => {
      await using opened = new AsyncDisposableStack();
      const clock = new TestClock(START);
      const runner = { run: () => Promise.reject(new Error("Nothing is run here")) };
      const worker = { runner, concurrency: 1 };
      const to = await joinBackups(target, opened, { clock, worker });
      await to.backups.restore(admin, { identities: [identity] }, streamOf(file));
      const { jobs } = to.jobs;
      const [job] = await until("the job of the hour", async () => {
        const all = await jobs.list(admin, { limit: 10 });
        if (all.length > 0) return all;
        await clock.tick(30_000);
        return false;
      });
      const [, hourly] = SCHEDULES;
      assertEquals([job!.requestId, job!.namespace], ["schedule production/hello", "production"]);
      assertEquals((await jobs.find(admin, job!.id)).job.payload, hourly.payload);
    });
  });
});
