import { assert, assertEquals, assertMatch } from "@std/assert";
import { childrenOf } from "../support/canary.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { withSite } from "../support/site.ts";
import { until } from "../support/until.ts";

/** Each way to go wrong: the function's code, and how its call is answered. */
const FAULTS: Readonly<Record<string, readonly [code: string, status: number, answer: RegExp]>> = {
  sleeps: [`await new Promise(() => {});`, 504, /"code":"FUNCTION_TIMEOUT"/],
  loops: [`while (true);`, 504, /"code":"FUNCTION_TIMEOUT"/],
  throws: [`throw new Error("no");`, 500, /"code":"FUNCTION_FAILED"/],
  exits: [`Deno.exit(7);`, 502, /"code":"FUNCTION_CRASHED".*|exit code 7/],
  aborts: [`process.abort();`, 502, /"code":"FUNCTION_CRASHED"/],
  recurses: [`const f = () => f() + 1; f();`, 500, /"code":"FUNCTION_FAILED"/],
  heap: [
    `const kept = []; while (true) kept.push(new Array(10_000).fill(kept.length));`,
    502,
    /"code":"FUNCTION_OUT_OF_MEMORY"/,
  ],
  buffers: [
    `const kept = []; while (true) {
      kept.push(new Uint8Array(4 * 2 ** 20).fill(1));
      await new Promise((resolve) => setTimeout(resolve));
    }`,
    502,
    /"code":"FUNCTION_OUT_OF_MEMORY"/,
  ],
  floods: [
    `const line = "x".repeat(1_023) + "\\n";
     for (let i = 0; i < 20_000; i++) await Deno.stdout.write(new TextEncoder().encode(line));
     return new Response("flooded");`,
    200,
    /^flooded$/,
  ],
  rejects: [`return Response.error();`, 500, /"code":"FUNCTION_FAILED"/],
};

function faulty(code: string): string {
  return `import process from "node:process";
    export default async (req) => {
      if (req.url.endsWith("?well")) return new Response("well");
      ${code}
    };`;
}

/** Calls a function again and again while `work` runs; each call must be answered. */
async function whileServed<T>(server: ServerProcess, name: string, work: () => Promise<T>) {
  let over = false;
  const calling = (async () => {
    let calls = 0;
    for (; !over; calls++) assertEquals((await server.call(name)).status, 200);
    return calls;
  })();
  try {
    return await work();
  } finally {
    over = true;
    assert(await calling > 0);
  }
}

Deno.test("each fault of a function has its own answer while others are served", async (t) => {
  await withSite("postgres", async (site) => {
    for (const [name, [code]] of Object.entries(FAULTS)) {
      await site.write(`${name}.js`, faulty(code));
    }
    await site.write("steady.js", `export default () => new Response("steady");`);
    const env = { FLUXBASE_FUNCTION_TIMEOUT: "5", FLUXBASE_FUNCTION_MEMORY_MB: "128" };
    await withServer(site, async (server) => {
      for (const [name, [, status, answer]] of Object.entries(FAULTS)) {
        await t.step(name, () =>
          whileServed(server, "steady", async () => {
            const told = await server.call(name);
            assertEquals(told.status, status, told.text);
            assertMatch(told.text, answer);
            assertEquals((await server.call(`${name}?well`)).text, "well", "and then");
          }));
      }
    }, { env });
  });
});

Deno.test("a call beside an endless loop in the same function is answered, not left hanging", async () => {
  await withSite("postgres", async (site) => {
    await site.write("loops.js", faulty("while (true);"));
    await withServer(site, async (server) => {
      assertEquals((await server.call("loops?well")).text, "well");
      const [stuck, beside] = await Promise.all([server.call("loops"), server.call("loops?well")]);
      assertEquals(stuck.status, 504);
      assert([200, 502, 504].includes(beside.status), beside.text);
      assertEquals((await server.call("loops?well")).text, "well");
    }, { env: { FLUXBASE_FUNCTION_TIMEOUT: "2" } });
  });
});

Deno.test("a broken source is told with its place, and served again once mended", async () => {
  await withSite("postgres", async (site) => {
    const good = (text: string) => `export default () => new Response("${text}");`;
    const answers = (server: ServerProcess, status: number, text: RegExp) =>
      until(`${status} ${text}`, async () => {
        const told = await server.call("page");
        return told.status === status && text.test(told.text);
      });
    await withServer(site, async (server) => {
      assertEquals((await server.call("page")).status, 404);
      const steps: readonly (readonly [code: string, status: number, text: RegExp])[] = [
        ["export default () => {", 500, /"error":"page\.ts[^"]*:1.*"code":"FUNCTION_INVALID"/],
        [good("first"), 200, /^first$/],
        [`import "./_gone.ts"; ${good("second")}`, 500, /_gone\.ts.*"code":"FUNCTION_INVALID"/],
        [`throw new Error("at load");`, 500, /"code":"FUNCTION_INVALID"/],
        ["export const a = 1;", 500, /"code":"FUNCTION_INVALID"/],
        [good("third"), 200, /^third$/],
      ];
      for (const [code, status, text] of steps) {
        await site.write("page.ts", code);
        await answers(server, status, text);
      }
      await Deno.remove(`${site.functionsDir}/page.ts`);
      await answers(server, 404, /"code":"FUNCTION_NOT_FOUND"/);
    });
  });
});

Deno.test("a server asked to end finishes the call that is streaming", async () => {
  const code = `export default (req) => new Response(req.body);`;
  await withSite("postgres", async (site) => {
    await site.write("echo.js", code);
    await withServer(site, async (server) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      const encode = (text: string) => new TextEncoder().encode(text);
      const answer = server.fetch("POST", "/api/v1/functions/echo/invoke", { body: readable });
      await writer.write(encode("before, "));
      const reader = (await answer).body!.getReader();
      const first = await reader.read();
      assertEquals(new TextDecoder().decode(first.value), "before, ");
      Deno.kill(server.pid, "SIGTERM");
      await until("the server begins to end", () => server.err.includes("ending"));
      await writer.write(encode("after"));
      await writer.close();
      const rest = await new Response(
        new ReadableStream({
          async pull(controller) {
            const { done, value } = await reader.read();
            if (done) controller.close();
            else controller.enqueue(value);
          },
        }),
      ).text();
      assertEquals(rest, "after");
      const { code: exit } = await server.ended();
      assertEquals(exit, 0);
    });
  });
});

Deno.test({
  name: "kill -9 of the server leaves no child behind, not even a busy one",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const busy = `export default () => new Response(new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("begun"));
        setTimeout(() => { while (true); }, 10);
      },
    }));`;
    await withSite("embedded", async (site) => {
      await site.write("busy.js", busy);
      await site.write("idle.js", `export default () => new Response("idle");`);
      await withServer(site, async (server) => {
        assertEquals((await server.call("idle")).text, "idle");
        const { body } = await server.fetch("POST", "/api/v1/functions/busy/invoke");
        const reader = body!.getReader();
        await reader.read();
        const children = await childrenOf(server.pid);
        // Two functions, a spare, and the shell that looks at their memory.
        assert(children.length >= 3, `${children.length} children`);
        await until(
          "one of them is busy",
          async () => (await Promise.all(children.map(processorTicks))).some((ticks) => ticks > 50),
        );
        await server.end("SIGKILL");
        await reader.cancel().catch(() => {});
        await until(
          "all children are gone",
          async () => (await Promise.all(children.map(isAlive))).every((alive) => !alive),
        );
      });
    });
  },
});

/** Time that a process has spent, in ticks of the system's clock; see proc_pid_stat(5). */
async function processorTicks(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

/** Whether a process runs; one that nobody has buried yet doesn't. */
async function isAlive(pid: number): Promise<boolean> {
  const [state] = await statOf(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The fields behind the process's name, the state first; none when there is no such process. */
async function statOf(pid: number): Promise<string[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).split(" ").filter(Boolean);
}
