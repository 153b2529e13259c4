import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { withRunner } from "../support/runner.ts";

const LOOK = `const born = crypto.randomUUID();
export default () => Response.json({
  born,
  env: Object.keys(Deno.env.toObject()).filter((name) => name.startsWith("FLUXBASE_SECRET_")),
  direct: [Deno.env.get("FLUXBASE_SECRET_STRIPE_KEY"), Deno.env.get("FLUXBASE_SECRET_DB_KEY")],
  helper: [secrets.get("STRIPE_KEY"), secrets.get("DB_KEY") ?? null],
})`;

Deno.test("an allow-list hides a secret from the environment and the helper", async () => {
  const options = {
    code: { look: LOOK },
    settings: { look: { secrets: ["STRIPE_*"] } },
    secrets: { STRIPE_KEY: "stripe value", DB_KEY: "database value" },
  };
  await withRunner(options, async ({ call, executions }) => {
    const seen = await (await call("look")).json();
    assertEquals(seen.env, ["FLUXBASE_SECRET_STRIPE_KEY"]);
    assertEquals(seen.direct, ["stripe value", null]);
    assertEquals(seen.helper, ["stripe value", null]);
    assertEquals(executions[0]?.secrets.map(({ name }) => String(name)), ["STRIPE_KEY"]);
  });
});

Deno.test("a secret that a function can't see changes without a new process", async () => {
  const options = {
    code: { look: LOOK },
    settings: { look: { secrets: ["STRIPE_KEY"] } },
    secrets: { STRIPE_KEY: "stripe value", DB_KEY: "database value" },
  };
  await withRunner(options, async ({ call, setSecrets }) => {
    const before = await (await call("look")).json();
    setSecrets({ STRIPE_KEY: "stripe value", DB_KEY: "another value" });
    assertEquals((await (await call("look")).json()).born, before.born);
    setSecrets({ STRIPE_KEY: "next value", DB_KEY: "another value" });
    const after = await (await call("look")).json();
    assert(after.born !== before.born);
    assertEquals(after.helper, ["next value", null]);
  });
});

Deno.test("an empty allow-list gives a function no secret at all", async () => {
  const code = { look: LOOK };
  const settings = { look: { secrets: [] } };
  await withRunner({ code, settings, secrets: { DB_KEY: "database value" } }, async ({ call }) => {
    assertEquals((await (await call("look")).json()).env, []);
  });
});

Deno.test("a function's own timeout ends its calls and leaves those of others", async () => {
  const wait = `export default async (req) => {
    const ms = Number(new URL(req.url).searchParams.get("ms"));
    await new Promise((resolve) => setTimeout(resolve, ms));
    return new Response("late");
  }`;
  const options = {
    code: { short: wait, long: wait },
    settings: { short: { timeoutMs: 300 } },
    answerMs: 20_000,
  };
  await withRunner(options, async ({ call }) => {
    const long = call("long", { path: "?ms=1200" });
    const error = await assertRejects(() => call("short", { path: "?ms=60000" }), AppError);
    assertEquals(error.code, "FUNCTION_TIMEOUT");
    assertEquals(await (await long).text(), "late");
  });
});

Deno.test("a function's own memory limit ends it, and what fits a larger one passes", async () => {
  const grow = `export default () => {
    const held = [];
    for (let i = 0; i < 150; i++) held.push(new Uint8Array(2 ** 20).fill(1));
    return new Promise((resolve) => setTimeout(() => resolve(new Response(String(held.length))), 1200));
  }`;
  const options = {
    code: { small: grow, large: grow },
    settings: { small: { memoryMb: 128 }, large: { memoryMb: 512 } },
    memoryMb: 200,
  };
  await withRunner(options, async ({ call }) => {
    const large = call("large");
    const error = await assertRejects(() => call("small"), AppError);
    assertEquals(error.code, "FUNCTION_OUT_OF_MEMORY");
    assertEquals(await (await large).text(), "150");
  });
});

Deno.test("a function's network list opens what it names and nothing beside it", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("in"),
  );
  const { port } = server.addr;
  const reach = `export default async (req) => {
    try { return await fetch(new URL(req.url).searchParams.get("to")); }
    catch (error) { return new Response(error.name + ": " + error.message); }
  }`;
  const options = {
    code: { named: reach, none: reach, other: reach, standard: reach },
    settings: {
      named: { network: [`127.0.0.1:${port}`] },
      none: { network: [] },
      other: { network: ["example.com", "localhost.example"] },
    },
    maxChildren: 12,
  };
  try {
    await withRunner(options, async ({ call }) => {
      const at = async (name: string, to: string) =>
        await (await call(name, { path: `?to=${encodeURIComponent(to)}` })).text();
      const here = `http://127.0.0.1:${port}/`;
      assertEquals(await at("named", here), "in");
      assertStringIncludes(await at("named", "http://127.0.0.1:8099/"), "NotCapable");
      assertStringIncludes(await at("named", "http://169.254.169.254/"), "NotCapable");
      for (const name of ["none", "other", "standard"]) {
        assertStringIncludes(await at(name, here), "NotCapable", name);
        assertStringIncludes(await at(name, `http://localhost:${port}/`), "NotCapable", name);
      }
      assertStringIncludes(await at("none", "http://example.com/"), "NotCapable");
    });
  } finally {
    await server.shutdown();
  }
});
