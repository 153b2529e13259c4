import { assertEquals } from "@std/assert";
import {
  AccessNotes,
  type FinishedRun,
  MAX_NAMED_RUNS,
  MAX_WINDOWS,
  type UsedValue,
} from "../../lib/audit/access_notes.ts";
import type { AuditEntry } from "../../lib/audit/entry.ts";

const KEY: UsedValue = { name: "KEY", scope: "namespace", version: 3 };
const URL_OF_API: UsedValue = { name: "API_URL", scope: "environment", version: null };

/** Notes with a clock that the test turns, and what they have handed on. */
function makeNotes() {
  const noted: AuditEntry[] = [];
  const clock = { now: 1_000_000 };
  const notes = new AccessNotes({ note: (entry) => noted.push(entry) }, { now: () => clock.now });
  return { notes, noted, clock, [Symbol.dispose]: () => notes.close() };
}

function run(reads: FinishedRun["reads"], over: Partial<FinishedRun> = {}): FinishedRun {
  return {
    kind: "function",
    name: "pay",
    namespace: "production",
    id: crypto.randomUUID(),
    startedAt: new Date(0),
    reads,
    ...over,
  };
}

Deno.test("the first read is noted at once, with who and what", () => {
  using world = makeNotes();
  const first = run([KEY, URL_OF_API]);
  world.notes.finished(first);
  const shared = {
    action: "secret.read",
    actor: { id: "pay", kind: "function" as const, address: null, requestId: null },
    executionId: first.id,
    at: new Date(1_000_000),
    count: 1,
  };
  assertEquals(world.noted, [
    {
      ...shared,
      namespace: "production",
      name: "KEY",
      version: 3,
      detail: { scope: "namespace", namespace: "production" },
    },
    {
      ...shared,
      namespace: null,
      name: "API_URL",
      version: null,
      detail: { scope: "environment", namespace: "production" },
    },
  ]);
});

Deno.test("later ones of a minute are one record that counts them and names some runs", () => {
  using world = makeNotes();
  const shared = [KEY];
  const runs = Array.from({ length: 50 }, () => run(shared));
  for (const each of runs) {
    world.notes.finished(each);
    world.clock.now += 100;
  }
  assertEquals(world.noted.length, 1);
  world.clock.now += 60_000;
  world.notes.finished(run([KEY]));
  const [, rest, next] = world.noted;
  assertEquals([rest?.count, rest?.at?.getTime(), next?.count], [49, 1_004_900, 1]);
  assertEquals(
    rest?.detail?.executions,
    runs.slice(1, 1 + MAX_NAMED_RUNS).map(({ id }) => id),
  );
});

Deno.test("functions, jobs, namespaces, secrets and versions are told apart", () => {
  using world = makeNotes();
  world.notes.finished(run([KEY]));
  world.notes.finished(run([KEY], { kind: "job" }));
  world.notes.finished(run([KEY], { name: "refund" }));
  world.notes.finished(run([KEY], { namespace: "staging" }));
  world.notes.finished(run([{ ...KEY, version: 4 }]));
  world.notes.finished(run([{ ...KEY, scope: "global" }]));
  world.notes.given({
    kind: "function",
    name: "pay",
    namespace: "production",
    executionId: null,
    secrets: [KEY],
  });
  assertEquals(world.noted.map(({ count }) => count), Array(7).fill(1));
});

Deno.test("settings are told apart from secrets of the same name", () => {
  using world = makeNotes();
  world.notes.finished(run([{ ...KEY, scope: "system" }, { ...KEY, scope: "user" }, KEY]));
  assertEquals(world.noted.map(({ action, namespace }) => [action, namespace]), [
    ["setting.read", null],
    ["setting.read", null],
    ["secret.read", "production"],
  ]);
});

Deno.test("nothing is noted of a run that read nothing, or that couldn't tell", () => {
  using world = makeNotes();
  world.notes.finished(run([]));
  world.notes.finished(run(null));
  assertEquals(world.noted, []);
});

Deno.test("flush() hands on every count, and none is lost when windows run out", () => {
  using world = makeNotes();
  const reads = Array.from({ length: MAX_WINDOWS + 500 }, (_, i) => [{ ...KEY, name: `K${i}` }]);
  for (let round = 0; round < 2; round++) {
    for (const each of reads) world.notes.finished(run(each));
  }
  world.notes.flush();
  const total = world.noted.reduce((sum, { count }) => sum + count!, 0);
  assertEquals(total, 2 * reads.length);
});
