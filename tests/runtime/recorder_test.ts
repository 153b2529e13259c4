import { assert, assertEquals } from "@std/assert";
import type { Execution, ExecutionLine } from "../../lib/runtime/execution.ts";
import { Budget } from "../../lib/runtime/budget.ts";
import { type Batch, MAX_LINES, QUIET_RECORDS, Recorder } from "../../lib/runtime/recorder.ts";
import { ExecutionStore } from "../../lib/store/executions.ts";
import { purgeOld } from "../../lib/store/log_retention.ts";
import { databases } from "../support/databases.ts";
import { execution } from "../support/execution.ts";

function line(executionId: string | null, text: string): ExecutionLine {
  return { executionId, name: "hello", namespace: null, at: new Date(0), level: "info", text };
}

async function recorded(work: (recorder: Recorder) => void): Promise<Batch> {
  const all = { executions: [] as Execution[], lines: [] as ExecutionLine[], counts: 0 };
  const counts: Batch["counts"][number][] = [];
  const recorder = new Recorder({
    save: (batch) => {
      all.executions.push(...batch.executions);
      all.lines.push(...batch.lines);
      counts.push(...batch.counts);
      return Promise.resolve();
    },
  });
  work(recorder);
  await recorder.flush();
  return { ...all, counts };
}

for (const { name, open } of databases) {
  Deno.test(`Recorder keeps runs, lines and counts in ${name}`, async () => {
    await using database = await openDisposable(open);
    const store = new ExecutionStore(database.sql);
    const recorder = new Recorder(store);
    const first = execution({ namespace: "production", outcome: "failed", status: 500 });
    recorder.line(line(first.id, "one"));
    recorder.line(line(first.id, "two \0 \ud800 ü"));
    recorder.finished(first);
    recorder.finished(execution({ namespace: "production" }));
    await recorder.flush();
    const lines = await store.lines(first.id);
    assertEquals(lines.map(({ message }) => message), ["one", "two ␀ \ufffd ü"]);
    const rows = await store.executions("hello", "production", 10);
    assertEquals(rows.map(({ outcome }) => outcome).sort(), ["completed", "failed"]);
    recorder.finished(execution({ namespace: "production" }));
    await recorder.flush();
    const counts = await database.sql`select calls, failures, total_ms from
      functions.invocation_counts`;
    assertEquals(counts, [{ calls: 3, failures: 1, total_ms: 37.5 }]);
    assertEquals(await purgeOld(database.sql, new Date("2026-01-02T03:05:06Z")), 6);
    assertEquals(await store.executions("hello", "production", 10), []);
  });
}

Deno.test("Recorder counts every call of a flood and keeps some records of it", async () => {
  const { executions, counts } = await recorded((recorder) => {
    for (let i = 0; i < 10_000; i++) recorder.finished(execution());
  });
  assertEquals(counts[0]!.calls, 10_000);
  assert(executions.length >= QUIET_RECORDS.burst && executions.length < 1_000);
});

Deno.test("Recorder cuts the output of one run and says so", async () => {
  const run = execution();
  const { lines } = await recorded((recorder) => {
    for (let i = 0; i < MAX_LINES + 500; i++) recorder.line(line(run.id, `line ${i}`));
  });
  assertEquals(lines.length, MAX_LINES + 1);
  assertEquals(lines.at(-1)!.text, "[output truncated: the limit of one execution is reached]");
});

Deno.test("Recorder reports what could not be written, and goes on", async () => {
  const lost: number[] = [];
  let broken = true;
  const saved: number[] = [];
  const recorder = new Recorder({
    save: (batch) => {
      if (broken) return Promise.reject(new Error("down"));
      saved.push(batch.executions.length);
      return Promise.resolve();
    },
  }, { onLoss: (records) => lost.push(records) });
  recorder.finished(execution());
  await recorder.flush();
  broken = false;
  recorder.finished(execution());
  await recorder.flush();
  assertEquals({ lost, saved }, { lost: [1], saved: [1] });
});

Deno.test("Recorder settles finished runs when it is told to, and records each once", async () => {
  const seen: string[] = [];
  const saved: string[] = [];
  const recorder = new Recorder({
    save: (batch) => {
      saved.push(...batch.executions.map(({ id }) => id));
      assertEquals(batch.counts.map(({ calls }) => calls), [batch.executions.length]);
      return Promise.resolve();
    },
  }, { access: { given: () => {}, finished: ({ id }) => seen.push(id) } });
  recorder.settle();
  for (const id of ["a", "b"]) recorder.finished(execution({ id }));
  recorder.settle();
  assertEquals([seen, saved], [["a", "b"], []]);
  recorder.settle();
  recorder.finished(execution({ id: "c" }));
  // Without anybody who settles first.
  await recorder.flush();
  await recorder.flush();
  assertEquals([seen, saved], [["a", "b", "c"], ["a", "b", "c"]]);
});

Deno.test("Recorder settles by itself when many runs have finished at once", async () => {
  const seen: string[] = [];
  const access = { given: () => {}, finished: ({ id }: Execution) => void seen.push(id) };
  const recorder = new Recorder({ save: () => Promise.resolve() }, { access });
  const ids = Array.from({ length: 1_000 }, (_, i) => `run ${i}`);
  for (const id of ids) recorder.finished(execution({ id }));
  assert(seen.length > 900, `${seen.length} of them are settled`);
  await recorder.flush();
  assertEquals(seen, ids);
});

Deno.test("Recorder writes what has finished, also when nobody settles or flushes", async () => {
  const { promise, resolve } = Promise.withResolvers<Batch>();
  const saved: Batch[] = [];
  const seen: string[] = [];
  const recorder = new Recorder({
    save: (batch) => {
      saved.push(batch);
      if (saved.length === 1) resolve(batch);
      return Promise.resolve();
    },
  }, { flushMs: 1, access: { given: () => {}, finished: ({ id }) => seen.push(id) } });
  recorder.finished(execution({ id: "a" }));
  recorder.finished(execution({ id: "b" }));
  const batch = await promise;
  assertEquals(batch.executions.map(({ id }) => id), ["a", "b"]);
  assertEquals(batch.counts.map(({ calls }) => calls), [2]);
  assertEquals(seen, ["a", "b"]);
  await recorder.flush();
  assertEquals(saved.length, 1);
});

Deno.test("Recorder writes in the next batch what finishes while one is being written", async (t) => {
  for (const settled of [true, false]) {
    for (const flushed of [true, false]) {
      const name = `${settled ? "settled" : "unsettled"}, ${flushed ? "flushed" : "by itself"}`;
      await t.step(name, () => assertNextBatch(settled, flushed));
    }
  }
});

/** A run finishes, and is settled, while the one before is being written. */
async function assertNextBatch(settled: boolean, flushed: boolean): Promise<void> {
  const [begun, gate, second] = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const batches: [ids: string[], calls: number[]][] = [];
  const recorder = new Recorder({
    save: async ({ executions, counts }) => {
      batches.push([executions.map(({ id }) => id), counts.map(({ calls }) => calls)]);
      if (batches.length > 1) return second!.resolve();
      begun!.resolve();
      await gate!.promise;
    },
  }, { flushMs: 1 });
  recorder.finished(execution({ id: "a" }));
  await begun!.promise;
  recorder.finished(execution({ id: "b" }));
  recorder.finished(execution({ id: "c" }));
  if (settled) recorder.settle();
  const flushing = flushed ? recorder.flush() : undefined;
  assertEquals(batches, [[["a"], [1]]]);
  gate!.resolve();
  await flushing;
  await second!.promise;
  await recorder.flush();
  assertEquals(batches, [[["a"], [1]], [["b", "c"], [2]]]);
}

Deno.test("Recorder has written everything once any of two flushes at the same time ends", async () => {
  const gate = Promise.withResolvers<void>();
  let written = 0;
  let writing = 0;
  const recorder = new Recorder({
    save: async ({ executions }) => {
      assertEquals(++writing, 1, "batches are written one after another");
      await gate.promise;
      writing--;
      written += executions.length;
    },
  });
  recorder.finished(execution({ id: "a" }));
  const flushes = [recorder.flush(), recorder.flush()].map(async (flush) => {
    await flush;
    return written;
  });
  recorder.finished(execution({ id: "b" }));
  flushes.push(recorder.flush().then(() => written));
  gate.resolve();
  const [first, second, third] = await Promise.all(flushes);
  assert(first! >= 1 && second! >= 1 && third === 2, `${first}, ${second}, ${third}`);
});

Deno.test("Budget.spend() gives what was saved up and what has come back", () => {
  let now = 0;
  const budget = new Budget(10, 5, () => now);
  assertEquals([budget.spend(5), budget.spend(1)], [true, false]);
  now = 250;
  assertEquals([budget.spend(2), budget.spend(1)], [true, false]);
  now = 60_000;
  assertEquals([budget.spend(5), budget.spend(1)], [true, false]);
});

async function openDisposable(open: (typeof databases)[number]["open"]) {
  const database = await open();
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() });
}
