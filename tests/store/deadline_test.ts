/** One timer for one task after another. */
import { assert, assertEquals } from "@std/assert";
import { Deadline } from "../../lib/store/deadline.ts";

/** A timer that is left is what these tests look for. */
const SANITIZERS = { sanitizeOps: true, sanitizeResources: true };
const HOUR_MS = 3_600_000;
/** Far longer than any deadline that is to pass here. */
const PATIENCE_MS = 20_000;

function neverPasses(): void {
  throw new Error("The deadline of a task that was over has passed");
}

/** Resolves when a deadline of `ms` passes, rejects when it never does. */
async function passing(deadline: Deadline, ms: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A deadline keeps no process alive, this does.
  const timer = setTimeout(() => reject(new Error("The deadline did not pass")), PATIENCE_MS);
  deadline.start(ms, resolve);
  await promise.finally(() => clearTimeout(timer));
}

Deno.test(
  "Deadline passes for a task that takes too long, once, and not before",
  SANITIZERS,
  async () => {
    const deadline = new Deadline();
    for (const ms of [0, 1, 20]) {
      const before = performance.now();
      await passing(deadline, ms);
      assert(performance.now() - before >= ms, `${ms} ms`);
    }
    deadline.close();
  },
);

Deno.test("Deadline doesn't pass for a task that was over in time", SANITIZERS, async () => {
  const deadline = new Deadline();
  for (let i = 0; i < 100; i++) {
    deadline.start(10, neverPasses);
    deadline.stop();
  }
  // It passes after all of those would have.
  await passing(deadline, 20);
  deadline.close();
});

Deno.test(
  "Deadline watches a new task after its timer went off with nothing to watch",
  SANITIZERS,
  async () => {
    const deadline = new Deadline();
    const other = new Deadline();
    deadline.start(1, neverPasses);
    deadline.stop();
    await passing(other, 5);
    await passing(deadline, 1);
    deadline.close();
    other.close();
  },
);

Deno.test("a shorter deadline after a longer one passes in its own time", SANITIZERS, async (t) => {
  for (const isStopped of [true, false]) {
    await t.step(isStopped ? "of a task that was over" : "in its place", async () => {
      const deadline = new Deadline();
      deadline.start(HOUR_MS, neverPasses);
      if (isStopped) deadline.stop();
      await passing(deadline, 5);
      deadline.close();
    });
  }
});

Deno.test("a longer deadline after a shorter one is not cut short", SANITIZERS, async () => {
  const [deadline, other] = [new Deadline(), new Deadline()];
  deadline.start(5, neverPasses);
  deadline.stop();
  deadline.start(HOUR_MS, neverPasses);
  await passing(other, 10);
  await passing(other, 10);
  deadline.close();
  other.close();
});

Deno.test("Deadline leaves no timer that went off with nothing to watch", SANITIZERS, async () => {
  const [deadline, other] = [new Deadline(), new Deadline()];
  deadline.start(1, neverPasses);
  deadline.stop();
  await passing(other, 5);
  await passing(other, 5);
});

Deno.test(
  "Deadline.close() leaves no timer, and nothing passes any more",
  SANITIZERS,
  async (t) => {
    const cases: Record<string, (deadline: Deadline) => void> = {
      "with nothing ever watched": () => {},
      "while a task is watched": (deadline) => deadline.start(HOUR_MS, neverPasses),
      "after a task was over": (deadline) => {
        deadline.start(HOUR_MS, neverPasses);
        deadline.stop();
      },
      "after a shorter one took the place of a longer one": (deadline) => {
        deadline.start(HOUR_MS, neverPasses);
        deadline.start(HOUR_MS / 2, neverPasses);
      },
    };
    for (const [name, work] of Object.entries(cases)) {
      await t.step(name, () => {
        const deadline = new Deadline();
        work(deadline);
        deadline.close();
        deadline.close();
      });
    }
  },
);

Deno.test("Deadline can be used again after it was closed", SANITIZERS, async () => {
  const deadline = new Deadline();
  deadline.start(1, neverPasses);
  deadline.close();
  let passed = 0;
  await passing(deadline, 5).then(() => passed++);
  deadline.close();
  assertEquals(passed, 1);
});
