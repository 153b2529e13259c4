/** One at a time, in order. */
import { assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { Lane } from "../../lib/store/lane.ts";

Deno.test("Lane.run() runs one task at a time, in the order they came", async () => {
  const lane = new Lane(10_000);
  const log: string[] = [];
  await Promise.all([1, 2, 3].map((n) =>
    lane.run(async () => {
      log.push(`${n} begins`);
      await Promise.resolve();
      log.push(`${n} ends`);
    })
  ));
  assertEquals(log, ["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]);
});

Deno.test("Lane.run() goes on after a task that throws", async () => {
  const lane = new Lane(10_000);
  const failing = lane.run(() => Promise.reject(new RangeError("no")));
  const next = lane.run(() => Promise.resolve("yes"));
  await assertRejects(() => failing, RangeError);
  assertEquals(await next, "yes");
});

Deno.test("Lane.run() refuses a task whose turn does not come in time, and never runs it", async () => {
  const lane = new Lane(5);
  const gate = Promise.withResolvers<void>();
  let ran = false;
  const first = lane.run(() => gate.promise);
  const late = lane.run(() => Promise.resolve(void (ran = true)));
  assertEquals((await assertRejects(() => late, AppError)).code, "STORE_UNAVAILABLE");
  gate.resolve();
  await first;
  await lane.run(() => Promise.resolve());
  assertEquals(ran, false);
});
