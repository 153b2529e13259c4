/** Calls beside each other in one warm process: each has its own request, and its own lines. */
import { assertEquals } from "@std/assert";
import { withRunner } from "../support/runner.ts";

/** Tells what it was sent, in parts, some time apart. */
const ECHO = `
  const turn = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  export default async (request) => {
    const { method, url } = request;
    const who = request.headers.get("x-who");
    if (who !== "static") await turn();
    const body = await request.text();
    if (who !== "static") await turn();
    const seen = { method, url, who, again: request.headers.get("x-who"), body,
      call: request.headers.get("x-call") };
    return Response.json(seen, { headers: { "x-who": who, "x-answer": seen.call ?? "none" } });
  };`;

Deno.test("interleaved callers in one warm function each get their own request and answer", async () => {
  await withRunner({ code: { f: ECHO }, most: 64, comfortable: 64 }, async (bench) => {
    let sent = 0;
    const worker = async (who: string) => {
      for (let i = 0; i < 60; i++) {
        const call = ++sent;
        // Every third call has a head of its own, the others that of all calls of one caller.
        const own = call % 3 === 0 ? { "x-call": String(call) } : undefined;
        const text = `body ${call} of ${who} ${"é".repeat(call % 100)}`;
        const post = call % 2 === 0 ? { method: "POST", body: text } : {};
        const response = await bench.call("f", {
          ...post,
          path: `?${who}`,
          headers: { "x-who": who, ...own },
        });
        assertEquals(await response.json(), {
          method: post.method ?? "GET",
          url: `http://localhost/api/v1/functions/f/invoke?${who}`,
          who,
          again: who,
          body: post.body ?? "",
          call: own?.["x-call"] ?? null,
        });
        const answered = ["x-who", "x-answer"].map((name) => response.headers.get(name));
        assertEquals(answered, [who, own?.["x-call"] ?? "none"]);
      }
    };
    const callers = ["ann", "bob", "static"];
    await Promise.all(Array.from({ length: 48 }, (_, i) => worker(callers[i % 3]!)));
    assertEquals(bench.pool.size, 1);
  });
});

Deno.test("a function that keeps requests and changes their headers changes no later call", async () => {
  const code = {
    f: `const kept = [];
    export default async (request) => {
      const seen = [request.headers.get("x-who"), request.headers.get("x-added")];
      for (const headers of kept) headers.set("x-who", "somebody else");
      await null;
      seen.push(request.headers.get("x-who"), request.headers.get("x-added"));
      kept.push(request.headers, request.clone().headers);
      if (kept.length > 8) kept.splice(0, 2);
      for (const headers of kept) headers.append("x-added", "1");
      request.headers.delete("x-who");
      return Response.json(seen);
    }`,
  };
  await withRunner({ code }, async ({ call, pool }) => {
    for (const who of ["ann", "bob", "ann"]) {
      for (let i = 0; i < 150; i++) {
        const response = await call("f", { headers: { "x-who": who } });
        assertEquals(await response.json(), [who, null, who, null], `call ${i} of ${who}`);
      }
    }
    assertEquals(pool.size, 1);
  });
});

Deno.test("what a call enters at once is entered for no later call", async () => {
  const code = {
    f: `import { AsyncLocalStorage } from "node:async_hooks";
    const store = new AsyncLocalStorage();
    export default (request) => {
      const seen = store.getStore() ?? null;
      store.enterWith(request.headers.get("x-who"));
      return Response.json([seen, store.getStore()]);
    }`,
  };
  await withRunner({ code }, async ({ call, pool }) => {
    for (const who of ["ann", "bob", "bob"]) {
      const response = await call("f", { headers: { "x-who": who } });
      assertEquals(await response.json(), [null, who]);
    }
    assertEquals(pool.size, 1);
  });
});

/** Prints one line in each way in which code of a call may come to run. */
const WAYS: Record<string, string> = {
  "at once": `print();`,
  "after an await": `await turn(); print();`,
  "after an await of what is there": `await null; print();`,
  "in a timer's callback": `await new Promise((done) => setTimeout(() => done(print()), 1));`,
  "in an interval's callback": `await new Promise((done) => {
    const timer = setInterval(() => { clearInterval(timer); done(print()); }, 1); });`,
  "in a microtask": `await new Promise((done) => queueMicrotask(() => done(print())));`,
  "in a callback of a promise": `await turn().then(() => turn()).finally(print);`,
  "in an immediate's callback": `await new Promise((done) => setImmediate(() => done(print())));`,
  "in the next tick": `await new Promise((done) => nextTick(() => done(print())));`,
  "in a stream that is read": `await new Response(new ReadableStream({
    async pull(controller) { await turn(); print(); controller.close(); } })).text();`,
  "in AsyncLocalStorage.run()": `await store.run("inner", async () => {
    await turn(); same(store.getStore(), "inner"); print(); });`,
  "after AsyncLocalStorage.run()": `await store.run("inner", turn);
    same(store.getStore(), undefined); print();`,
  "in a timer's callback in AsyncLocalStorage.run()": `await store.run("inner", () =>
    new Promise((done) => setTimeout(() => {
      same(store.getStore(), "inner"); done(print()); }, 1)));`,
  "in two of them": `await store.run("inner", () => other.run("other", async () => {
    await turn(); same(store.getStore() + other.getStore(), "innerother"); print(); }));`,
  "in AsyncLocalStorage.exit()": `await store.run("inner", () => store.exit(async () => {
    same(store.getStore(), undefined); await turn(); print(); }));`,
  "after AsyncLocalStorage.enterWith()": `store.enterWith("entered"); await turn();
    same(store.getStore(), "entered"); print();`,
  "through a snapshot": `const within = AsyncLocalStorage.snapshot(); await turn();
    within(print);`,
  "bound to an AsyncResource": `const bound = AsyncResource.bind(print); await turn(); bound();`,
  "after an error": `try { await turn().then(() => { throw new Error("no"); }); }
    catch { print(); }`,
};

function asMember([name, way]: [string, string]): string {
  return `${JSON.stringify(name)}: async (print) => { ${way} }`;
}

const PRINTING = `
  import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
  import { setImmediate } from "node:timers";
  import { nextTick } from "node:process";
  const [store, other] = [new AsyncLocalStorage(), new AsyncLocalStorage()];
  const turn = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  const same = (a, b) => { if (a !== b) throw new Error(\`\${a} is not \${b}\`); };
  const ways = {
    ${Object.entries(WAYS).map(asMember).join(",")}
  };
  export default async (request) => {
    same(store.getStore(), undefined);
    const way = request.headers.get("x-way");
    const call = await request.text();
    same(store.getStore(), undefined);
    await ways[way](() => console.log(way + ": " + call));
    return new Response("ok");
  };`;

Deno.test("a line is filed under the call that printed it, in whatever way its code ran", async (t) => {
  const options = { code: { f: PRINTING }, most: 256, comfortable: 256 };
  await withRunner(options, async (bench) => {
    const printed = new Map<string, Map<string | null, string>>();
    const one = async (way: string, call: number) => {
      const response = await bench.call("f", {
        method: "POST",
        headers: { "x-way": way },
        body: String(call),
      });
      assertEquals([response.status, await response.text()], [200, "ok"], way);
      printed.get(way)!.set(response.headers.get("x-fluxbase-execution-id"), `${way}: ${call}`);
    };
    const names = Object.keys(WAYS);
    for (const way of names) printed.set(way, new Map());
    // All ways at once, and each beside itself.
    await Promise.all(
      Array.from({ length: 10 * names.length }, (_, i) => one(names[i % names.length]!, i)),
    );
    await bench.until(() => bench.lines.length >= 10 * names.length);
    assertEquals(bench.pool.size, 1);
    for (const way of names) {
      await t.step(way, () => {
        const mine = bench.lines.filter(({ text }) => text.startsWith(`${way}: `));
        assertEquals(new Map(mine.map((line) => [line.executionId, line.text])), printed.get(way));
        assertEquals(mine.length, 10);
      });
    }
    assertEquals(bench.lines.length, 10 * names.length);
  });
});
