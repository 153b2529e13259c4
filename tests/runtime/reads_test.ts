import { assert, assertEquals } from "@std/assert";
import type { Execution } from "../../lib/runtime/execution.ts";
import { addReads, NO_READS } from "../../lib/runtime/reads.ts";
import { withJobRunner } from "../support/job_runner.ts";
import { type Bench, type BenchOptions, withRunner } from "../support/runner.ts";

const SECRETS = { ONE: "value-of-one", TWO: "value-of-two", THREE: "value-of-three" };

/** What an execution has read, as `scope/NAME@version`. */
function readsOf({ reads }: Execution): string[] | null {
  return reads?.map(({ scope, name, version }) => `${scope}/${name}@${version}`) ?? null;
}

/** Calls `f` and returns the record of the call. */
async function recordOf(
  bench: Bench,
  init: Parameters<Bench["call"]>[1] = {},
): Promise<Execution> {
  const before = bench.executions.length;
  try {
    await (await bench.call("f", init)).text();
  } catch {
    // How it ended stands in the record.
  }
  await bench.until(() => bench.executions.length > before);
  return bench.executions.at(-1)!;
}

const handler = (body: string) => `export default async (request) => { ${body} }`;

const WAYS: readonly { readonly name: string; readonly body: string; readonly reads: string[] }[] =
  [
    { name: "nothing", body: "return null", reads: [] },
    { name: "Deno.env.get()", body: "Deno.env.get('FLUXBASE_SECRET_TWO')", reads: ["TWO"] },
    { name: "Deno.env.has()", body: "Deno.env.has('FLUXBASE_SECRET_TWO')", reads: ["TWO"] },
    { name: "Deno.env.toObject()", body: "Deno.env.toObject()", reads: ["ONE", "THREE", "TWO"] },
    { name: "process.env", body: "process.env.FLUXBASE_SECRET_ONE", reads: ["ONE"] },
    { name: "in process.env", body: "'FLUXBASE_SECRET_ONE' in process.env", reads: ["ONE"] },
    { name: "all of process.env", body: "({ ...process.env })", reads: ["ONE", "THREE", "TWO"] },
    {
      name: "an import of node:process",
      body: "(await import('node:process')).env.FLUXBASE_SECRET_ONE",
      reads: ["ONE"],
    },
    { name: "secrets.get()", body: "secrets.get('one'); secrets.get('ONE')", reads: ["ONE"] },
    { name: "secrets.getRequired()", body: "secrets.getRequired('three')", reads: ["THREE"] },
    { name: "what isn't there", body: "secrets.get('four'); Deno.env.get('HOME')", reads: [] },
    {
      name: "a worker, which may read everything",
      body: "new Worker(URL.createObjectURL(new Blob(['']))," +
        " { type: 'module' }).terminate()",
      reads: ["ONE", "THREE", "TWO"],
    },
    {
      name: "a read before it throws",
      body: "secrets.get('one'); throw new Error('x')",
      reads: ["ONE"],
    },
    {
      name: "a read while its body is made",
      body: `secrets.get('one');
        return new Response(new ReadableStream({ async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          controller.enqueue(new TextEncoder().encode(secrets.get('two')));
          controller.close();
        } }))`,
      reads: ["ONE", "TWO"],
    },
  ];

for (const { name, body, reads } of WAYS) {
  Deno.test(`a call's record names what was read: ${name}`, async () => {
    const options: BenchOptions = { code: { f: handler(body) }, secrets: SECRETS };
    await withRunner(options, async (bench) => {
      const expected = reads.map((read) => `global/${read}@1`);
      // The second call finds a warm process, and is told as well as the first one.
      for (let i = 0; i < 2; i++) assertEquals(readsOf(await recordOf(bench)), expected);
    });
  });
}

Deno.test("what a module reads while it loads belongs to its first call", async () => {
  const code = `const one = Deno.env.get("FLUXBASE_SECRET_ONE");
    export default () => one + secrets.get("two")`;
  await withRunner({ code: { f: code }, secrets: SECRETS }, async (bench) => {
    const reads = [readsOf(await recordOf(bench)), readsOf(await recordOf(bench))];
    assertEquals(reads, [["global/ONE@1", "global/TWO@1"], ["global/TWO@1"]]);
  });
});

Deno.test("what is read after a call has ended belongs to the next one", async () => {
  const code = handler(
    `if (request.method === "POST") { await globalThis.read; return new Response("x"); }
     globalThis.read = new Promise((resolve) => setTimeout(resolve, 5))
       .then(() => secrets.get("one"));`,
  );
  await withRunner({ code: { f: code }, secrets: SECRETS }, async (bench) => {
    assertEquals(readsOf(await recordOf(bench)), []);
    assertEquals(readsOf(await recordOf(bench, { method: "POST" })), ["global/ONE@1"]);
  });
});

Deno.test("settings that are read are named with their scope", async () => {
  const code = handler(`secrets.get("both"); secrets.getSystem("both"); secrets.get("own")`);
  await withRunner({ code: { f: code } }, async (bench) => {
    bench.setSystem({ both: "of the system", other: "x" });
    bench.setUser("ann", { own: "of ann", spare: "x" });
    bench.setUser("bob", { both: "of bob", own: "bob's" });
    const reads = [];
    for (const user of ["ann", "bob"]) reads.push(readsOf(await recordOf(bench, { user })));
    assertEquals(reads.map((each) => each?.map((text) => text.split("@")[0])), [
      ["system/BOTH", "user/OWN"],
      ["system/BOTH", "user/BOTH", "user/OWN"],
    ]);
  });
});

Deno.test("reads of a thousand interleaved calls are never mixed", async () => {
  const secrets = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`S${i}`, `value-${i}`]));
  const code = handler(`
    const turn = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    const names = await request.json();
    for (const [i, name] of names.entries()) {
      if (i % 2 === 0) await turn();
      if (i % 3 === 0) secrets.get(name);
      else Deno.env.get("FLUXBASE_SECRET_" + name);
    }
    return new Response(null);`);
  await withRunner({ code: { f: code }, secrets, most: 64, comfortable: 64 }, async (bench) => {
    const expected = new Map<string, string[]>();
    const one = async () => {
      const names = Object.keys(secrets).filter(() => Math.random() < 0.1);
      const response = await bench.call("f", { method: "POST", body: JSON.stringify(names) });
      await response.text();
      expected.set(response.headers.get("x-fluxbase-execution-id")!, names.sort());
    };
    const worker = async () => {
      for (let i = 0; i < 40; i++) await one();
    };
    await Promise.all(Array.from({ length: 25 }, worker));
    await bench.until(() => bench.executions.length === 1_000);
    assertEquals(bench.pool.size, 1);
    for (const { id, reads } of bench.executions) {
      assertEquals(reads?.map(({ name }) => String(name)), expected.get(id));
    }
  });
});

Deno.test("a call that lasts tells what it has read before it is given up", async () => {
  const options = {
    code: { f: handler(`secrets.get("one"); await new Promise(() => {})`) },
    secrets: SECRETS,
    answerMs: 1_000,
  };
  await withRunner(options, async (bench) => {
    const record = await recordOf(bench);
    assertEquals([record.outcome, readsOf(record)], ["timeout", ["global/ONE@1"]]);
  });
});

Deno.test("it isn't known what a process has read that ended at once", async () => {
  const options = { code: { f: handler(`secrets.get("one"); Deno.exit(1)`) }, secrets: SECRETS };
  await withRunner(options, async (bench) => {
    const record = await recordOf(bench);
    assertEquals([record.outcome, readsOf(record)], ["crashed", null]);
  });
});

Deno.test("a function can't name what it wasn't given", async () => {
  const settings = { f: { secrets: ["ONE"] } };
  const code = handler(`
    // What it doesn't have can't be read; what it sets itself is none of the server's values.
    Deno.env.set("FLUXBASE_SECRET_TWO", "x");
    Deno.env.get("FLUXBASE_SECRET_TWO");
    Deno.env.toObject();`);
  await withRunner({ code: { f: code }, settings, secrets: SECRETS }, async (bench) => {
    assertEquals(readsOf(await recordOf(bench)), ["global/ONE@1"]);
  });
});

Deno.test("a job's record names what was read, its one user's settings among them", async () => {
  const code = `
    const early = secrets.get("one");
    export default async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return early.length + process.env.FLUXBASE_SECRET_TWO.length;
    }`;
  await withJobRunner({ code: { f: code }, secrets: SECRETS }, async (bench) => {
    assertEquals((await bench.run("f")).result, "24");
    assertEquals(bench.executions.map(readsOf), [["global/ONE@1", "global/TWO@1"]]);
    assertEquals(bench.given.map(({ kind, executionId }) => [kind, executionId]), [
      ["job", bench.executions[0]!.id],
    ]);
  });
});

Deno.test("every process that gets values is told of, each once", async () => {
  await withRunner({ code: { f: handler("") }, secrets: SECRETS }, async (bench) => {
    for (let i = 0; i < 3; i++) await recordOf(bench);
    bench.setSecrets({ ONE: "another value" });
    await recordOf(bench);
    const given = bench.given.map(({ kind, secrets }) => [kind, ...secrets.map((s) => s.name)]);
    assertEquals(given, [["function", "ONE", "THREE", "TWO"], ["function", "ONE"]]);
  });
});

Deno.test("addReads() takes lists of words and leaves out whatever else a child tells", () => {
  const known = addReads(NO_READS, [1, 2]);
  assertEquals(addReads(known, [2]), [3, 2]);
  assertEquals(addReads([4], [0, 0, 1]), [4, 0, 1]);
  for (const told of [null, "x", {}, [-1], [0.5], [2 ** 30], ["1"], [[1]], Array(5_000).fill(0)]) {
    assert(addReads(known, told) === known);
  }
});
