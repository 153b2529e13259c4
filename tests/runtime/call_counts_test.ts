/** One count for each function and minute, as the store asks for. */
import { assertEquals } from "@std/assert";
import { CallCounts } from "../../lib/runtime/call_counts.ts";
import { execution } from "../support/execution.ts";

type Shown = [name: string, namespace: string | null, minute: string, ...numbers: number[]];

/** All counts, in order. */
function taken(counts: CallCounts): Shown[] {
  return counts.take().map(({ name, namespace, minute, calls, failures, totalMs }): Shown => [
    name,
    namespace,
    minute.toISOString().slice(11),
    calls,
    failures,
    totalMs,
  ]).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

function at(time: string): Date {
  return new Date(`2026-01-02T${time}Z`);
}

Deno.test("CallCounts counts each function by its name and namespace", () => {
  const counts = new CallCounts();
  for (let i = 0; i < 3; i++) {
    for (const namespace of [null, "null", "", "production"]) {
      counts.add(execution({ name: "a", namespace, durationMs: 2 }));
    }
    counts.add(execution({ name: "b", durationMs: 0.5 }));
  }
  // Joined in a careless way, these two would have the same key.
  counts.add(execution({ name: "c", namespace: "a/b" }));
  counts.add(execution({ name: "b/c", namespace: "a" }));
  assertEquals(
    taken(counts).map(([name, namespace, , calls, , ms]) => [name, namespace, calls, ms]),
    [
      ["a", "", 3, 6],
      ["a", "null", 3, 6],
      ["a", "production", 3, 6],
      ["a", null, 3, 6],
      ["b", null, 3, 1.5],
      ["b/c", "a", 1, 12.5],
      ["c", "a/b", 1, 12.5],
    ],
  );
});

Deno.test("CallCounts counts runs under the minute in which they began, each minute once", () => {
  const counts = new CallCounts();
  const begins = [
    "03:04:59.999",
    "03:05:00.000",
    "03:04:00.000",
    "03:05:59.999",
    "03:04:30.000",
    "03:06:00.000",
    "03:05:30.000",
    "03:04:59.999",
    "03:03:59.999",
  ];
  for (const time of begins) {
    counts.add(execution({ name: "f", startedAt: at(time), durationMs: 1 }));
  }
  assertEquals(taken(counts), [
    ["f", null, "03:03:00.000Z", 1, 0, 1],
    ["f", null, "03:04:00.000Z", 4, 0, 4],
    ["f", null, "03:05:00.000Z", 3, 0, 3],
    ["f", null, "03:06:00.000Z", 1, 0, 1],
  ]);
});

Deno.test("CallCounts counts every outcome but completion as a failure", () => {
  const counts = new CallCounts();
  const outcomes = ["completed", "failed", "timeout", "crashed", "completed", "cancelled"] as const;
  for (const outcome of outcomes) counts.add(execution({ name: "f", outcome, durationMs: 1 }));
  assertEquals(taken(counts), [["f", null, "03:04:00.000Z", 6, 4, 6]]);
});

Deno.test("CallCounts.take() leaves nothing, and what comes later begins anew", () => {
  const counts = new CallCounts();
  assertEquals([counts.empty, taken(counts)], [true, []]);
  counts.add(execution({ name: "f", durationMs: 1 }));
  assertEquals(counts.empty, false);
  const first = counts.take();
  assertEquals([counts.empty, taken(counts)], [true, []]);
  counts.add(execution({ name: "f", durationMs: 2 }));
  assertEquals(taken(counts), [["f", null, "03:04:00.000Z", 1, 0, 2]]);
  assertEquals(first.map(({ calls, totalMs }) => [calls, totalMs]), [[1, 1]]);
});
