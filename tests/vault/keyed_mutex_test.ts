import { assertEquals, assertRejects } from "@std/assert";
import { KeyedMutex } from "../../lib/vault/keyed_mutex.ts";

Deno.test("KeyedMutex.run() keeps the order on one key and doesn't hold up another", async () => {
  const mutex = new KeyedMutex();
  const events: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const first = mutex.run("a", async () => {
    await gate;
    events.push("a1");
  });
  const second = mutex.run("a", () => Promise.resolve(events.push("a2")));
  await mutex.run("b", () => Promise.resolve(events.push("b")));
  assertEquals(events, ["b"]);
  open();
  await Promise.all([first, second]);
  assertEquals([events, mutex.size], [["b", "a1", "a2"], 0] as never);
});

Deno.test("KeyedMutex.run() goes on after work that failed", async () => {
  const mutex = new KeyedMutex();
  const failing = mutex.run("a", () => Promise.reject(new TypeError("first")));
  const next = mutex.run("a", () => Promise.resolve("second"));
  await assertRejects(() => failing, TypeError);
  assertEquals([await next, mutex.size], ["second", 0] as never);
});
