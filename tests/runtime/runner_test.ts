import { setImmediate } from "node:timers";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { parseNamespace } from "../../lib/resolve/ref.ts";
import { withRunner } from "../support/runner.ts";

async function assertCode(promise: Promise<Response>, code: ErrorCode): Promise<AppError> {
  const error = await assertRejects(() => promise, AppError);
  assertEquals(error.code, code, error.message);
  return error;
}

Deno.test("Runner.invoke() gives a function its secrets by environment and by helper", async () => {
  const code = {
    hello: `export default (req) => Response.json({
      env: Deno.env.get("FLUXBASE_SECRET_API_KEY"),
      get: secrets.get("API_KEY"), lower: secrets.get("api_key"),
      required: secrets.getRequired("API_KEY"), missing: secrets.get("OTHER") ?? null,
      name: Deno.env.get("FLUXBASE_FUNCTION_NAME"), url: req.url,
    })`,
  };
  await withRunner({ code, secrets: { API_KEY: "s3cret value" } }, async ({ call, executions }) => {
    const response = await call("hello", { path: "?a=1" });
    assertEquals(await response.json(), {
      env: "s3cret value",
      get: "s3cret value",
      lower: "s3cret value",
      required: "s3cret value",
      missing: null,
      name: "hello",
      url: "http://localhost/api/v1/functions/hello/invoke?a=1",
    });
    const seen = executions.map((e) => [e.name, e.outcome, e.status, JSON.stringify(e.secrets)]);
    const given = `[{"name":"API_KEY","scope":"global","version":1}]`;
    assertEquals(seen, [["hello", "completed", 200, given]]);
    assertEquals(response.headers.get("x-fluxbase-execution-id"), executions[0]!.id);
  });
});

Deno.test("secrets.getRequired() names the secret and how to set it there", async () => {
  const namespace = parseNamespace("production");
  const code = {
    need: `export default () => { try { secrets.getRequired("stripe_key") }
      catch (e) { return new Response(e.message) } }`,
  };
  for (
    const [options, end] of [
      [{}, "fluxbase secrets set STRIPE_KEY VALUE"],
      [{ namespace }, "fluxbase secrets set STRIPE_KEY VALUE --namespace production"],
    ] as const
  ) {
    await withRunner({ code }, async ({ call }) => {
      const text = await (await call("need", options)).text();
      assertStringIncludes(text, "'STRIPE_KEY' not found");
      assertEquals(text.endsWith(end), true, text);
    });
  }
});

Deno.test("the secrets helper can be neither replaced nor changed", async () => {
  const code = {
    replace: `export default () => {
      const seen = [];
      for (const attack of [() => { secrets = {} }, () => { globalThis.secrets = {} },
        () => { secrets.get = () => "fake" }, () => { delete globalThis.secrets; }]) {
        try { attack(); seen.push("done"); } catch (e) { seen.push(e.constructor.name); }
      }
      return Response.json({ seen, value: secrets.get("A_KEY") });
    }`,
  };
  await withRunner({ code, secrets: { A_KEY: "true value" } }, async ({ call }) => {
    assertEquals(await (await call("replace")).json(), {
      seen: ["TypeError", "TypeError", "TypeError", "TypeError"],
      value: "true value",
    });
  });
});

Deno.test("Runner.invoke() keeps method, status, headers and binary bodies both ways", async () => {
  const code = {
    echo: `export default async (req) => new Response(await req.arrayBuffer(), {
      status: 418,
      headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-method", req.method],
        ["x-seen", req.headers.get("x-sent") ?? ""], ["content-type", "application/x-bytes"]],
    })`,
  };
  await withRunner({ code }, async ({ call }) => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
      const sent = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
      const body = new Uint8Array(size).map((_, i) => sent[i % sent.length]!);
      const response = await call("echo", { method: "PUT", body, headers: { "x-sent": "é" } });
      assertEquals(response.status, 418);
      assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
      assertEquals(response.headers.get("x-method"), "PUT");
      assertEquals(response.headers.get("content-type"), "application/x-bytes");
      assertEquals(await response.bytes(), body, `${size} bytes`);
    }
  });
});

Deno.test("Runner.invoke() answers what a handler returns", async (t) => {
  const cases: { name: string; code: string; status: number; text: string }[] = [
    { name: "nothing", code: `export default () => {}`, status: 204, text: "" },
    { name: "an object", code: `export default () => ({ a: 1 })`, status: 200, text: `{"a":1}` },
    {
      name: "a named handler",
      code: `export const handler = () => new Response("h")`,
      status: 200,
      text: "h",
    },
    {
      name: "a named main",
      code: `export function main() { return new Response("m") }`,
      status: 200,
      text: "m",
    },
    {
      name: "an object with fetch",
      code: `export default { v: "f", fetch() { return new Response(this.v) } }`,
      status: 200,
      text: "f",
    },
    {
      name: "a redirect",
      code: `export default () => Response.redirect("http://x.test/", 303)`,
      status: 303,
      text: "",
    },
    {
      name: "not modified",
      code: `export default () => new Response(null, { status: 304 })`,
      status: 304,
      text: "",
    },
  ];
  await withRunner({}, async ({ call, code }) => {
    for (const c of cases) {
      await t.step(c.name, async () => {
        code.set("f", c.code);
        const response = await call("f");
        assertEquals(response.status, c.status);
        assertEquals(await response.text(), c.text);
      });
    }
  });
});

Deno.test("the service key of the caller is not handed to the function", async () => {
  const code = { headers: `export default (req) => Response.json([...req.headers])` };
  await withRunner({ code }, async ({ call }) => {
    const headers = {
      authorization: "Bearer fxsk_abcdefgh_x_y",
      "x-service-key": "fxsk_abcdefgh_x_y",
      connection: "keep-alive",
      "x-other": "1",
    };
    assertEquals(await (await call("headers", { headers })).json(), [["x-other", "1"]]);
    const jwt = { authorization: "Bearer eyJ.a.b" };
    const seen = await (await call("headers", { headers: jwt })).json();
    assertEquals(seen, [["authorization", "Bearer eyJ.a.b"]]);
  });
});

Deno.test("a response streams while the function is still writing it", async () => {
  const code = {
    ticks: `export default () => {
      let next; globalThis.go = () => next.enqueue(new TextEncoder().encode("b"));
      return new Response(new ReadableStream({ start(c) { next = c; c.enqueue(new TextEncoder().encode("a")); } }));
    }`,
    duplex: `export default (req) => new Response(req.body.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TransformStream({ transform(t, c) { c.enqueue(t.toUpperCase()) } }))
      .pipeThrough(new TextEncoderStream()))`,
  };
  await withRunner({ code }, async ({ call, until, executions }) => {
    const reader = (await call("ticks")).body!.getReader();
    assertEquals((await reader.read()).value, new TextEncoder().encode("a"));
    assertEquals(executions.length, 0);
    await reader.cancel();
    await until(() => executions.length === 1);
    assertEquals(executions[0]!.outcome, "cancelled");

    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const request: RequestInit = { method: "POST", body: readable };
    const answered = call("duplex", request);
    writer.write(new TextEncoder().encode("first"));
    const answer = (await answered).body!.getReader();
    assertEquals(new TextDecoder().decode((await answer.read()).value), "FIRST");
    writer.write(new TextEncoder().encode("second"));
    assertEquals(new TextDecoder().decode((await answer.read()).value), "SECOND");
    await writer.close();
    assertEquals((await answer.read()).done, true);
  });
});

Deno.test("a slow reader holds the function back instead of filling memory", async () => {
  const code = {
    endless: `let sent = 0; export default (req) => {
      if (new URL(req.url).search === "?sent") return new Response(String(sent));
      return new Response(new ReadableStream({ pull(c) { sent += 65536; c.enqueue(new Uint8Array(65536)); } }));
    }`,
  };
  await withRunner({ code }, async ({ call }) => {
    const reader = (await call("endless")).body!.getReader();
    await reader.read();
    let before = -1;
    let sent = 0;
    // Once nothing more is taken, the count settles within a window of what was read.
    while (sent !== before) {
      before = sent;
      sent = Number(await (await call("endless", { path: "?sent" })).text());
    }
    assert(sent < 2 * 1024 * 1024, `${sent} bytes were produced`);
    await reader.cancel();
  });
});

Deno.test("an abort of the caller reaches the function's signal", async () => {
  const code = {
    wait: `let aborted = 0; export default (req) => {
      if (new URL(req.url).search === "?aborted") return new Response(String(aborted));
      return new Promise((_, reject) => req.signal.addEventListener("abort", () => { aborted++; reject(req.signal.reason); }));
    }`,
  };
  await withRunner({ code }, async ({ call, until, executions }) => {
    await call("wait", { path: "?aborted" });
    const controller = new AbortController();
    const waiting = call("wait", { signal: controller.signal });
    controller.abort();
    await assertCode(waiting, "REQUEST_CANCELLED");
    await until(() => executions.length === 2);
    assertEquals(executions[1]!.outcome, "cancelled");
    assertEquals(await (await call("wait", { path: "?aborted" })).text(), "1");
  });
});

Deno.test("each way to fail has its own answer, and the next call is served", async (t) => {
  const cases: { name: string; code: string; expect: ErrorCode; outcome: string }[] = [
    {
      name: "throws",
      code: `throw new Error("boom")`,
      expect: "FUNCTION_FAILED",
      outcome: "failed",
    },
    {
      name: "rejects",
      code: `return Promise.reject(new Error("boom"))`,
      expect: "FUNCTION_FAILED",
      outcome: "failed",
    },
    { name: "exits", code: `Deno.exit(3)`, expect: "FUNCTION_CRASHED", outcome: "crashed" },
    {
      name: "loops for ever",
      code: `while (true);`,
      expect: "FUNCTION_TIMEOUT",
      outcome: "timeout",
    },
    {
      name: "never answers",
      code: `return new Promise(() => {})`,
      expect: "FUNCTION_TIMEOUT",
      outcome: "timeout",
    },
    {
      name: "fills the heap",
      code: `const a = []; while (true) a.push(new Array(1e5).fill({}))`,
      expect: "FUNCTION_OUT_OF_MEMORY",
      outcome: "out_of_memory",
    },
    {
      name: "fills memory beside the heap",
      code:
        `globalThis.a = []; return (async () => { while (true) { a.push(new Uint8Array(8e6).fill(1)); await new Promise((r) => setTimeout(r, 1)); } })()`,
      expect: "FUNCTION_OUT_OF_MEMORY",
      outcome: "out_of_memory",
    },
    {
      name: "rejects beside the call and goes on",
      code: `Promise.reject(new Error("stray")); return new Promise(() => {})`,
      expect: "FUNCTION_TIMEOUT",
      outcome: "timeout",
    },
  ];
  await withRunner({ answerMs: 2_500 }, async ({ call, code, executions }) => {
    for (const c of cases) {
      await t.step(c.name, async () => {
        code.set(
          "f",
          `export default (req) => {
          if (new URL(req.url).search === "?well") return new Response("well");
          ${c.code} }`,
        );
        const error = await assertCode(call("f"), c.expect);
        assertEquals(executions.at(-1)!.outcome, c.outcome);
        assertEquals(error.headers["x-fluxbase-execution-id"], executions.at(-1)!.id);
        assertEquals(await (await call("f", { path: "?well" })).text(), "well");
      });
    }
  });
});

Deno.test("a function that ends in the middle of its body breaks the response", async () => {
  const body = (end: string) =>
    `let body; export default (req) => {
      if (new URL(req.url).search === "?end") { ${end}; return new Response("ended"); }
      return new Response(new ReadableStream({ start(c) { body = c; c.enqueue(new Uint8Array(9)); } }));
    }`;
  const code = { cut: body("Deno.exit(1)"), broken: body(`body.error(new Error("x"))`) };
  await withRunner({ code }, async ({ call, executions, until }) => {
    for (const [name, outcome] of [["cut", "crashed"], ["broken", "failed"]] as const) {
      const response = await call(name);
      const id = response.headers.get("x-fluxbase-execution-id");
      const reading = assertRejects(() => response.arrayBuffer(), TypeError);
      await call(name, { path: "?end" }).then((ended) => ended.text(), () => {});
      await reading;
      await until(() => executions.some((execution) => execution.id === id));
      assertEquals(executions.find((execution) => execution.id === id)!.outcome, outcome);
    }
  });
});

Deno.test("a crashing call is not sent again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = (listener.addr as Deno.NetAddr).port;
  let seen = 0;
  const counting = (async () => {
    for await (const conn of listener) {
      seen++;
      conn.close();
    }
  })();
  const code = {
    crash: `export default async () => {
      const c = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
      await c.read(new Uint8Array(1)); Deno.exit(1); }`,
  };
  const network = { allow: [`127.0.0.1:${port}`], deny: [] };
  await withRunner({ code, network }, async ({ call }) => {
    for (const init of [{ method: "POST", body: "x" }, { method: "PUT" }, {}]) {
      await assertCode(call("crash", init), "FUNCTION_CRASHED");
    }
  });
  listener.close();
  await counting.catch(() => {});
  assertEquals(seen, 3);
});

Deno.test("code that can't be used is refused with the reason", async (t) => {
  const cases = [
    { name: "no handler", code: `export const other = 1`, message: "No handler function found" },
    {
      name: "throws on load",
      code: `throw new Error("secret value")`,
      message: "threw while its code was loading; see its log",
    },
    { name: "exits on load", code: `Deno.exit(0)`, message: "ended while its code was loading" },
    {
      name: "does not parse",
      code: `export default (`,
      message: "threw while its code was loading",
    },
  ];
  await withRunner({}, async ({ call, code }) => {
    for (const c of cases) {
      await t.step(c.name, async () => {
        code.set("f", c.code);
        const error = await assertCode(call("f"), "FUNCTION_INVALID");
        assertStringIncludes(error.message, c.message);
      });
    }
    await assertCode(call("missing"), "FUNCTION_NOT_FOUND");
  });
});

Deno.test("a changed secret reaches the next call while calls go on", async () => {
  const code = { read: `export default () => new Response(secrets.get("TOKEN"))` };
  await withRunner({ code, secrets: { TOKEN: "value-0" } }, async ({ call, setSecrets }) => {
    let current = 0;
    let stopped = false;
    let calls = 0;
    const clients = Array.from({ length: 16 }, async () => {
      while (!stopped) {
        const atLeast = current;
        const value = await (await call("read")).text();
        assert(Number(value.slice(6)) >= atLeast, `saw ${value} after value-${atLeast} was set`);
        calls++;
      }
    });
    for (let change = 1; change <= 10; change++) {
      setSecrets({ TOKEN: `value-${change}` });
      current = change;
      const seen = await (await call("read")).text();
      assertEquals(seen, `value-${change}`);
    }
    stopped = true;
    await Promise.all(clients);
    assert(calls > 100, `${calls} calls`);
  });
});

Deno.test("output is filed under its call, masked, and bounded", async () => {
  const value = "canary-Value_1234567890";
  const code = {
    log: `export default async (req) => {
      const who = new URL(req.url).search;
      console.log("begin", who, secrets.get("TOKEN"));
      await new Promise((r) => setTimeout(r, 5));
      console.error(who, btoa(secrets.get("TOKEN")), encodeURIComponent(secrets.get("TOKEN")));
      Deno.stdout.writeSync(new TextEncoder().encode(secrets.get("TOKEN").slice(0, 9)));
      Deno.stdout.writeSync(new TextEncoder().encode(secrets.get("TOKEN").slice(9) + "\\n"));
      return new Response("ok"); }`,
  };
  await withRunner({ code, secrets: { TOKEN: value } }, async (bench) => {
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, i) => bench.call("log", { path: `?${i}` })),
    );
    await bench.until(() => bench.lines.length >= 24);
    for (const [i, response] of responses.entries()) {
      const id = response.headers.get("x-fluxbase-execution-id");
      const mine = bench.lines.filter((line) => line.executionId === id).map((line) => line.text);
      assert(mine.includes(`begin ?${i} ***`), JSON.stringify(mine));
      assert(mine.includes(`?${i} *** ***`), JSON.stringify(mine));
    }
    assertEquals(bench.lines.filter((line) => line.text.includes("canary")), []);
    assertEquals(bench.lines.filter((line) => line.text === "***").length, 8);
  });
});

Deno.test("a stack in the log has the function's own frames alone", async () => {
  const code = {
    fails: `function inner() { throw new Error("boom", { cause: new Error("deeper") }) }
      export default function outer() { inner() }`,
  };
  await withRunner({ code }, async ({ call, lines, until }) => {
    await assertCode(call("fails"), "FUNCTION_FAILED");
    await until(() => lines.some(({ text }) => text.includes("deeper")));
    const text = lines.map((line) => line.text).join("\n");
    assertMatch(text, /^Error: boom\n +at inner \(.+\)\n +at outer \(.+\)\n( \{\n)?/);
    assertEquals(text.includes("/guest/"), false, text);
  });
});

Deno.test("a flood of output is drained and cut, and the call is answered", async () => {
  const code = {
    flood: `export default () => { const line = "x".repeat(1000);
      for (let i = 0; i < 50_000; i++) console.log(line); return new Response("done"); }`,
  };
  await withRunner({ code }, async ({ call, lines, until }) => {
    assertEquals(await (await call("flood")).text(), "done");
    await until(() => lines.some((line) => line.text.includes("output truncated")));
    assert(lines.length < 10_000, `${lines.length} lines`);
  });
});

Deno.test("a value in a response header is masked, and only the body carries it", async () => {
  const code = {
    tell:
      `export default () => new Response(secrets.get("TOKEN"), { headers: { "x-token": secrets.get("TOKEN") } })`,
  };
  await withRunner({ code, secrets: { TOKEN: "canary-Value_123" } }, async ({ call, lines }) => {
    const response = await call("tell");
    assertEquals(response.headers.get("x-token"), "***");
    assertEquals(await response.text(), "canary-Value_123");
    assertStringIncludes(lines[0]!.text, "x-token");
  });
});

Deno.test("headers that are too long are refused, and the next call is served", async () => {
  const code = {
    long: `export default async (req) => {
      const length = Number(await req.text());
      return new Response("sent", { headers: { "x-long": "a".repeat(length) } });
    }`,
  };
  await withRunner({ code, secrets: { TOKEN: "a".repeat(20) + "b" } }, async ({ call }) => {
    await assertCode(call("long", { method: "POST", body: "70000" }), "FUNCTION_FAILED");
    const response = await call("long", { method: "POST", body: "60000" });
    assertEquals(response.headers.get("x-long")?.length, 60_000);
    await response.body?.cancel();
  });
});

Deno.test("more calls than a function may have are asked to come back", async () => {
  const code = {
    slow: `export default (req) =>
      new URL(req.url).search === "?quick" ? new Response("quick") : new Promise(() => {})`,
  };
  await withRunner({ code, most: 3 }, async ({ call }) => {
    await call("slow", { path: "?quick" });
    const controller = new AbortController();
    const { signal } = controller;
    const slow = Promise.allSettled([1, 2, 3].map(() => call("slow", { signal })));
    const error = await assertCode(call("slow", { path: "?quick" }), "FUNCTION_BUSY");
    assertEquals(error.headers["retry-after"], "1");
    controller.abort();
    await slow;
    assertEquals(await (await call("slow", { path: "?quick" })).text(), "quick");
  });
});

Deno.test("a body beyond the limit is refused, stated or not", async () => {
  const code = {
    eat: `export default async (req) => new Response(String((await req.bytes()).length))`,
  };
  await withRunner({ code, bodyBytes: 1_000 }, async ({ call }) => {
    const sized = {
      method: "POST",
      body: new Uint8Array(1_001),
      headers: { "content-length": "1001" },
    };
    await assertCode(call("eat", sized), "PAYLOAD_TOO_LARGE");
    const small = await call("eat", { method: "POST", body: new Uint8Array(1_000) });
    assertEquals(await small.text(), "1000");
  });
});

Deno.test("an upgrade to WebSocket is refused with a reason", async () => {
  const code = { f: `export default () => new Response("x")` };
  await withRunner({ code }, async ({ call }) => {
    await assertCode(call("f", { headers: { upgrade: "websocket" } }), "WEBSOCKET_UNSUPPORTED");
  });
});

Deno.test("a call whose values change all the time gets some that were current after it began", async () => {
  const code = { show: `export default () => new Response(secrets.get("STEP"));` };
  await withRunner({ code, secrets: { STEP: "value 0" } }, async ({ call, setSecrets }) => {
    let step = 0;
    let over = false;
    const change = async () => {
      while (!over) {
        setSecrets({ STEP: `value ${++step}` });
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    const changing = change();
    try {
      for (let i = 0; i < 3; i++) {
        const before = step;
        const response = await call("show");
        const text = await response.text();
        assert(Number(text.split(" ")[1]) >= before, `${text} after ${before}`);
      }
    } finally {
      over = true;
      await changing;
    }
  });
});
