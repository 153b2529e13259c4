import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withJobRunner } from "../support/job_runner.ts";
import { until } from "../support/until.ts";

/** The guide's sample, with what it calls. */
const GUIDE = `
async function syncToExternalService(apiKey, payload) { console.log("synced", apiKey, payload); }
export default async function handler(payload) {
  const apiKey = Deno.env.get("FLUXBASE_SECRET_EXTERNAL_API_KEY");
  const dbUrl = Deno.env.get("FLUXBASE_SECRET_ANALYTICS_DB");
  await syncToExternalService(apiKey, payload);
}`;

const SECRETS = { EXTERNAL_API_KEY: "ext-key-123456", ANALYTICS_DB: "postgres://analytics" };

Deno.test("JobRunner.run() gives a job its payload and its secrets, and masks what it prints", () =>
  withJobRunner({ code: { sync: GUIDE }, secrets: SECRETS }, async (bench) => {
    const end = await bench.run("sync", { id: 7 });
    assertEquals([end.outcome, end.result, end.error], ["completed", null, null]);
    assertEquals(end.secrets.map(({ name, version }): [string, number | null] => [name, version]), [
      ["ANALYTICS_DB", 1],
      ["EXTERNAL_API_KEY", 1],
    ]);
    const [line] = await until("a line", () => bench.lines.length > 0 && bench.lines);
    assertEquals(line!.text, "synced *** { id: 7 }");
    assertEquals(line!.executionId, bench.executions[0]!.id);
    assertEquals([bench.executions[0]!.kind, bench.executions[0]!.outcome], ["job", "completed"]);
    await until("the child's end", () => bench.pool.size === 0);
  }));

Deno.test("JobRunner.run() keeps every JSON result, masked, and nothing else", async (t) => {
  const cases: { name: string; code: string; result: unknown; error?: string }[] = [
    { name: "nothing", code: "() => {}", result: undefined },
    { name: "null", code: "() => null", result: null },
    { name: "a text", code: "() => 'x'", result: "x" },
    { name: "a number", code: "() => 0", result: 0 },
    { name: "a list", code: "() => [1, [true]]", result: [1, [true]] },
    { name: "a Response with JSON", code: "() => Response.json({ a: 1 })", result: { a: 1 } },
    { name: "a Response with text", code: "() => new Response('x')", result: "x" },
    { name: "an empty Response", code: "() => new Response(null)", result: undefined },
    {
      name: "a value",
      code: "() => ({ k: secrets.get('KEY'), n: 1 })",
      result: { k: "***", n: 1 },
    },
    { name: "a value's digits", code: "() => ({ n: 98765432 })", result: { n: "***" } },
    {
      name: "a value as a name",
      code: "() => ({ [secrets.get('KEY')]: 1 })",
      result: { "***": 1 },
    },
    {
      name: "a cycle",
      code: "() => { const a = {}; a.a = a; return a; }",
      result: undefined,
      error: "circular",
    },
    {
      name: "too much",
      code: "() => 'x'.repeat(2 ** 21)",
      result: undefined,
      error: "larger than 1 MiB",
    },
    {
      name: "a hundred levels",
      code: "() => new Response('['.repeat(100) + ']'.repeat(100))",
      result: JSON.parse("[".repeat(100) + "]".repeat(100)),
    },
    {
      name: "a level more",
      code: "() => new Response('['.repeat(101) + ']'.repeat(101))",
      result: undefined,
      error: "The job's result nests deeper than 100 levels",
    },
    {
      name: "levels without end, in a Response",
      code: "() => new Response('['.repeat(2e5) + ']'.repeat(2e5))",
      result: undefined,
      error: "The job's result nests deeper than 100 levels",
    },
    {
      name: "levels without end, returned",
      code: "() => { let a = []; for (let i = 0; i < 2e5; i++) a = [a]; return a; }",
      result: undefined,
      error: "The job's result nests deeper than 100 levels",
    },
    {
      name: "a throw",
      code: "() => { throw new TypeError('no ' + secrets.get('KEY')) }",
      result: undefined,
      error: "TypeError: no ***",
    },
    { name: "a thrown text", code: "() => { throw 'plain' }", result: undefined, error: "plain" },
    {
      name: "an exit",
      code: "() => Deno.exit(3)",
      result: undefined,
      error: "ended before the job did (exit code 3)",
    },
  ];
  const code = Object.fromEntries(cases.map((each, i) => [`j${i}`, `export default ${each.code}`]));
  await withJobRunner(
    { code, secrets: { KEY: "v4lue-to-mask", PIN: "98765432" } },
    async (bench) => {
      for (const [i, each] of cases.entries()) {
        await t.step(each.name, async () => {
          const end = await bench.run(`j${i}`);
          if (each.error === undefined) assertEquals(end.outcome, "completed", end.error ?? "");
          else assertStringIncludes(end.error ?? "", each.error);
          assertEquals(end.result === null ? undefined : JSON.parse(end.result), each.result);
        });
      }
    },
  );
});

Deno.test("a job reports progress, knows itself, and sees no function's variables", () =>
  withJobRunner({
    code: {
      work: `export default (payload, job) => {
        for (let i = 1; i <= 1000; i++) job.progress(i / 10, "step " + i + " " + secrets.get("KEY"));
        return { id: job.id, name: job.name, attempt: job.attempt, frozen: Object.isFrozen(job),
          env: Object.keys(Deno.env.toObject()).sort(), job: Deno.env.get("FLUXBASE_JOB_ID") };
      }`,
    },
    secrets: { KEY: "v4lue-to-mask" },
  }, async (bench) => {
    const end = await bench.run("work");
    const id = "11111111-2222-4333-8444-555555555555";
    assertEquals(JSON.parse(end.result!), {
      id,
      name: "work",
      attempt: 1,
      frozen: true,
      env: ["FLUXBASE_JOB_ID", "FLUXBASE_JOB_NAME", "FLUXBASE_SECRET_KEY"],
      job: id,
    });
    assertEquals(bench.progress.at(-1), [100, "step 1000 ***"]);
    assert(bench.progress.length < 10, `${bench.progress.length} of 1000 reports were sent`);
  }));

const WAITS = `export default async (_, job) => {
  console.log("begun");
  await new Promise((resolve) => job.signal.addEventListener("abort", resolve));
  console.log("told");
  return "put in order";
}`;
const DEAF =
  `export default async () => { console.log("begun"); await new Promise(() => setInterval(() => {}, 1000)); }`;
const STUCK = `export default () => { console.log("begun"); for (;;); }`;

Deno.test("a job that is cancelled is told, and killed when it goes on", async (t) => {
  const code = { waits: WAITS, deaf: DEAF, stuck: STUCK };
  for (const name of Object.keys(code)) {
    await t.step(
      name,
      () =>
        withJobRunner({ code, graceMs: name === "waits" ? 60_000 : 200 }, async (bench) => {
          const controller = new AbortController();
          const running = bench.run(name, null, { signal: controller.signal });
          await until("its beginning", () => bench.lines.some(({ text }) => text === "begun"));
          controller.abort();
          const end = await running;
          assertEquals([end.outcome, end.error], ["cancelled", "The job was cancelled"]);
          await until("the child's end", () => bench.pool.size === 0);
          assertEquals(bench.lines.some(({ text }) => text === "told"), name === "waits");
        }),
    );
  }
});

Deno.test("a job that outlives its time or memory is ended and says why", async (t) => {
  const code = {
    deaf: DEAF,
    stuck: STUCK,
    heap:
      `export default () => { const a = []; for (;;) a.push(new Array(1e5).fill(a.length + 0.5)); }`,
    buffers: `export default async () => { const kept = [];
      for (;;) { kept.push(new Uint8Array(2 ** 24).fill(1)); await new Promise((r) => setTimeout(r, 20)); } }`,
  };
  const late = "The job ran longer than its 0.5 s and was ended";
  const large = "The job used more than its 160 MB of memory and was ended";
  const cases = [["deaf", "timeout", late], ["stuck", "timeout", late], [
    "heap",
    "out_of_memory",
    large,
  ], ["buffers", "out_of_memory", large]] as const;
  for (const [name, outcome, error] of cases) {
    await t.step(name, () =>
      withJobRunner({
        code,
        memoryMb: 160,
        graceMs: 100,
        ...(outcome === "timeout" && { timeoutMs: 500 }),
      }, async (bench) => {
        const end = await bench.run(name);
        assertEquals([end.outcome, end.error], [outcome, error]);
        assertEquals(bench.executions[0]!.outcome, outcome);
        await until("the child's end", () => bench.pool.size === 0);
      }));
  }
});

Deno.test("a job that can't be found or loaded is refused", () =>
  withJobRunner({ code: { broken: "export const x = 1" } }, async (bench) => {
    const ends = [await bench.run("missing"), await bench.run("broken")];
    assertEquals(ends.map(({ outcome, code }) => [outcome, code]), [
      ["refused", "FUNCTION_NOT_FOUND"],
      ["refused", "FUNCTION_INVALID"],
    ]);
  }));
