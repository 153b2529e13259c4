import { assert, assertEquals } from "@std/assert";
import type { Execution, ExecutionLine } from "../../lib/runtime/execution.ts";
import { Budget } from "../../lib/runtime/budget.ts";
import { type Batch, MAX_LINES, QUIET_RECORDS, Recorder } from "../../lib/runtime/recorder.ts";
import { ExecutionStore } from "../../lib/store/executions.ts";
import { purgeOld } from "../../lib/store/log_retention.ts";
import { databases } from "../support/databases.ts";

function execution(values: Partial<Execution> = {}): Execution {
  return {
    id: crypto.randomUUID(),
    kind: "function",
    name: "hello",
    namespace: null,
    codeHash: "ab",
    startedAt: new Date("2026-01-02T03:04:05.678Z"),
    durationMs: 12.5,
    outcome: "completed",
    status: 200,
    principal: "somebody",
    requestId: "r",
    secrets: [],
    reads: [],
    ...values,
  };
}

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
