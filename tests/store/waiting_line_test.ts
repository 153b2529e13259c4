/** First come first served, and nobody waits for ever. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { WaitingLine } from "../../lib/store/waiting_line.ts";

/** A timer that is left is what these tests look for. */
const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const HOUR_MS = 3_600_000;

/** Does `work` as if it were `ms` later. */
function later<T>(ms: number, work: () => T): T {
  const now = performance.now;
  try {
    performance.now = () => now.call(performance) + ms;
    return work();
  } finally {
    performance.now = now;
  }
}

async function assertRefused(waiting: Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(() => waiting, AppError)).code, "STORE_UNAVAILABLE");
}

Deno.test(
  "WaitingLine.admit() gives turns in the order in which they were waited for",
  SANITIZERS,
  async () => {
    const line = new WaitingLine<number>(HOUR_MS);
    const came: string[] = [];
    const waiting = ["a", "b", "c"].map((name) =>
      line.join().then((turn) => came.push(`${name}${turn}`))
    );
    assertEquals(line.length, 3);
    assertEquals([1, 2].map((turn) => line.admit(turn)), [true, true]);
    assertEquals(line.length, 1);
    waiting.push(line.join().then((turn) => came.push(`d${turn}`)));
    assertEquals([3, 4, 5].map((turn) => line.admit(turn)), [true, true, false]);
    await Promise.all(waiting);
    assertEquals(came, ["a1", "b2", "c3", "d4"]);
    assertEquals(line.length, 0);
  },
);

Deno.test(
  "WaitingLine refuses everybody who has waited too long, and nobody else",
  SANITIZERS,
  async () => {
    const line = new WaitingLine<string>(5);
    const early = [line.join(), line.join()];
    const late = later(HOUR_MS, () => [line.join(), line.join()]);
    const order: number[] = [];
    early.forEach((waiting, i) => waiting.catch(() => order.push(i)));
    for (const waiting of early) await assertRefused(waiting);
    assertEquals(order, [0, 1]);
    assertEquals(line.length, 2);
    assertEquals([line.admit("first"), line.admit("second")], [true, true]);
    assertEquals(await Promise.all(late), ["first", "second"]);
  },
);

Deno.test(
  "WaitingLine refuses who came later when their own time is over",
  SANITIZERS,
  async () => {
    const line = new WaitingLine<void>(5);
    const waiting = [line.join(), later(20, () => line.join()), later(40, () => line.join())];
    const order: number[] = [];
    waiting.forEach((each, i) => each.catch(() => order.push(i)));
    for (const each of waiting) await assertRefused(each);
    assertEquals(order, [0, 1, 2]);
  },
);

Deno.test("WaitingLine refuses in time also after others had their turn", SANITIZERS, async () => {
  const line = new WaitingLine<void>(5);
  const first = line.join();
  const second = later(20, () => line.join());
  assert(line.admit());
  await first;
  await assertRefused(second);
});

Deno.test("WaitingLine refuses in time also after nobody was left in it", SANITIZERS, async () => {
  const line = new WaitingLine<void>(5);
  const first = line.join();
  assert(line.admit());
  await first;
  await assertRefused(line.join());
  await assertRefused(line.join());
});

Deno.test(
  "WaitingLine.refuseAll() sends everybody away with the reason given",
  SANITIZERS,
  async () => {
    const line = new WaitingLine<string>(HOUR_MS);
    line.refuseAll(new RangeError("nobody is here"));
    const waiting = [line.join(), line.join(), line.join()];
    const reason = new RangeError("closed");
    const settled = Promise.allSettled(waiting);
    line.refuseAll(reason);
    assertEquals(line.length, 0);
    assertEquals(line.admit("nobody"), false);
    for (const each of await settled) {
      assert(each.status === "rejected" && each.reason === reason);
    }
  },
);
