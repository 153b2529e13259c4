import { assertEquals, assertRejects } from "@std/assert";
import { FreshCache, type FreshCacheOptions } from "../../lib/resolve/fresh_cache.ts";

class Outage extends Error {}

/** A cache over a variable, whose loads end when the test says so. */
class Bench {
  now = 0;
  loads = 0;
  stored = "v1";
  until = Infinity;
  failure: Error | undefined;
  readonly stale: number[] = [];
  readonly cache: FreshCache<string>;
  #gate = Promise.resolve();

  constructor(options: Partial<FreshCacheOptions<string>> = {}) {
    this.cache = new FreshCache({
      load: async () => {
        this.loads++;
        const seen = this.stored;
        await this.#gate;
        if (this.failure !== undefined) throw this.failure;
        return seen;
      },
      validUntil: () => this.until,
      isOutage: (error) => error instanceof Outage,
      onStale: (_key, age) => this.stale.push(age),
      clock: { wall: () => this.now, monotonic: () => this.now },
      ...options,
    });
  }

  /** Holds loads back until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }
}

Deno.test("FreshCache.get() shares one load among concurrent callers", async () => {
  const bench = new Bench();
  const release = bench.hold();
  const calls = [bench.cache.get("a"), bench.cache.get("a"), bench.cache.get("a")];
  release();
  assertEquals(await Promise.all(calls), ["v1", "v1", "v1"]);
  assertEquals([bench.loads, bench.cache.peek("a")], [1, "v1"]);
});

Deno.test("a caller after invalidate() never gets what was read before it", async () => {
  for (const key of ["a", null]) {
    const bench = new Bench();
    const release = bench.hold();
    const before = bench.cache.get("a");
    bench.stored = "v2";
    bench.cache.invalidate(key);
    assertEquals(bench.cache.peek("a"), undefined);
    const after = bench.cache.get("a");
    release();
    assertEquals([await before, await after], ["v1", "v2"]);
    assertEquals([bench.cache.peek("a"), bench.loads], ["v2", 2]);
  }
});

Deno.test("the load that was overtaken doesn't become current, whichever ends last", async () => {
  const bench = new Bench();
  const releaseOld = bench.hold();
  const old = bench.cache.get("a");
  bench.stored = "v2";
  bench.cache.invalidate("a");
  const releaseNew = bench.hold();
  const fresh = bench.cache.get("a");
  releaseNew();
  assertEquals(await fresh, "v2");
  releaseOld();
  assertEquals([await old, bench.cache.peek("a")], ["v1", "v2"]);
});

Deno.test("invalidate() of one key leaves the others", async () => {
  const bench = new Bench();
  await Promise.all(["a", "b"].map((key) => bench.cache.get(key)));
  bench.cache.invalidate("a");
  assertEquals([bench.cache.peek("a"), bench.cache.peek("b")], [undefined, "v1"]);
});

Deno.test("a value is current for freshMs from the beginning of its check", async () => {
  const bench = new Bench({ freshMs: 100 });
  const release = bench.hold();
  const call = bench.cache.get("a");
  bench.now = 60;
  release();
  await call;
  bench.now = 99;
  assertEquals(bench.cache.peek("a"), "v1");
  const again = new Bench({ freshMs: 100 });
  await again.cache.get("a");
  again.now = 100;
  assertEquals(again.cache.peek("a"), undefined);
});

Deno.test("a busy key is checked behind at half its time, once", async () => {
  const bench = new Bench({ freshMs: 100 });
  await bench.cache.get("a");
  bench.now = 49;
  bench.cache.peek("a");
  assertEquals(bench.loads, 1);
  bench.now = 50;
  bench.stored = "v2";
  assertEquals([bench.cache.peek("a"), bench.cache.peek("a"), bench.loads], ["v1", "v1", 2]);
  assertEquals(await bench.cache.get("a"), "v1");
  // The joined load settles within the microtasks of this one.
  await Promise.resolve().then(() => {}).then(() => {});
  assertEquals(bench.cache.peek("a"), "v2");
});

Deno.test("a value that has expired is never served, not even in an outage", async () => {
  const bench = new Bench({ maxStaleMs: 1_000 });
  bench.until = 50;
  await bench.cache.get("a");
  bench.now = 50;
  assertEquals(bench.cache.peek("a"), undefined);
  bench.failure = new Outage();
  await assertRejects(() => bench.cache.get("a"), Outage);
  assertEquals(bench.stale, []);
});

Deno.test("a stale value stands in during an outage, up to maxStaleMs, and says so", async () => {
  const bench = new Bench({ freshMs: 100, maxStaleMs: 1_000 });
  await bench.cache.get("a");
  bench.failure = new Outage();
  bench.now = 150;
  assertEquals(await bench.cache.get("a"), "v1");
  assertEquals(bench.stale, [150]);
  bench.now = 1_000;
  await assertRejects(() => bench.cache.get("a"), Outage);
  bench.failure = undefined;
  bench.stored = "v2";
  assertEquals(await bench.cache.get("a"), "v2");
});

Deno.test("during a known outage callers don't wait for the next failure", async () => {
  const bench = new Bench({ freshMs: 100, maxStaleMs: 1_000 });
  await bench.cache.get("a");
  bench.failure = new Outage();
  bench.now = 150;
  await bench.cache.get("a");
  const release = bench.hold();
  // The load is held back, so this would hang if it were waited for.
  assertEquals(await bench.cache.get("a"), "v1");
  assertEquals(bench.loads, 3);
  release();
});

Deno.test("after invalidate() nothing stands in: the value is known to be old", async () => {
  const bench = new Bench({ freshMs: 100, maxStaleMs: 1_000 });
  await bench.cache.get("a");
  bench.failure = new Outage();
  bench.cache.invalidate("a");
  await assertRejects(() => bench.cache.get("a"), Outage);
});

Deno.test("after doubt() a value is checked first, and only an outage lets it stand in", async () => {
  for (const key of ["a", null]) {
    const bench = new Bench({ maxStaleMs: 1_000 });
    await bench.cache.get("a");
    bench.cache.doubt(key);
    assertEquals(bench.cache.peek("a"), undefined);
    bench.failure = new Outage();
    assertEquals(await bench.cache.get("a"), "v1");
    assertEquals(bench.cache.peek("a"), undefined);
    bench.failure = undefined;
    bench.stored = "v2";
    // The check goes on behind the callers, who still get the stand-in.
    while (bench.cache.peek("a") === undefined) await bench.cache.get("a");
    assertEquals(bench.cache.peek("a"), "v2");
  }
});

Deno.test("an error that is no outage ends the old value at once", async () => {
  const bench = new Bench({ freshMs: 100, maxStaleMs: 1_000 });
  await bench.cache.get("a");
  bench.failure = new TypeError();
  bench.now = 60;
  assertEquals(bench.cache.peek("a"), "v1");
  await assertRejects(() => {
    bench.now = 100;
    return bench.cache.get("a");
  }, TypeError);
  assertEquals([bench.cache.peek("a"), bench.stale], [undefined, []]);
});

Deno.test("the least recently used key goes first", async () => {
  const bench = new Bench({ max: 3 });
  for (const key of ["a", "b", "c"]) {
    bench.now++;
    await bench.cache.get(key);
  }
  bench.now++;
  bench.cache.peek("a");
  bench.now++;
  await bench.cache.get("d");
  const held = ["a", "b", "c", "d"].filter((key) => bench.cache.peek(key) !== undefined);
  assertEquals([held, bench.cache.size], [["a", "c", "d"], 3] as never);
});

Deno.test("a key whose load fails takes no place", async () => {
  const bench = new Bench({ max: 2 });
  await bench.cache.get("a");
  bench.failure = new TypeError();
  for (let i = 0; i < 10; i++) {
    bench.now++;
    await assertRejects(() => bench.cache.get(`unknown-${i}`), TypeError);
  }
  assertEquals([bench.cache.peek("a"), bench.cache.size], ["v1", 1] as never);
});
