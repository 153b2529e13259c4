import { assert, assertEquals } from "@std/assert";
import { MAX_HELD } from "../../lib/runtime/given_settings.ts";
import { WORN_VALUES } from "../../lib/runtime/instance.ts";
import { withRunner } from "../support/runner.ts";

/** Reads the caller's key before and after it has waited in many ways, and in its body. */
const INTERLEAVED = `
  const turn = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  const shared = { last: Promise.resolve() };
  const WAITS = [
    () => turn(),
    () => Promise.resolve(),
    () => new Promise((resolve) => queueMicrotask(resolve)),
    () => shared.last,
    () => new Response("x").text(),
    () => new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { port1.close(); resolve(); };
      port2.postMessage(0);
    }),
    () => (async function* () { await turn(); yield 1; })().next(),
  ];
  export default async function handler(request) {
    const seen = [secrets.getUser("key"), secrets.get("key"), secrets.get("both")];
    shared.last = turn();
    for (let i = 0; i < 3; i++) {
      await WAITS[Math.floor(Math.random() * WAITS.length)]();
      seen.push(secrets.getUser("key"));
    }
    await request.text();
    let parts = 0;
    const body = new ReadableStream({
      async pull(controller) {
        await turn();
        seen.push(secrets.getUser("key"));
        if (++parts < 2) return controller.enqueue(new TextEncoder().encode(" "));
        controller.enqueue(new TextEncoder().encode(JSON.stringify(seen)));
        controller.close();
      },
    }, { highWaterMark: Math.round(Math.random()) });
    return new Response(body);
  }`;

Deno.test("10,000 interleaved calls of two users in one warm function are never mixed", async () => {
  await withRunner({ code: { f: INTERLEAVED }, most: 256, comfortable: 256 }, async (bench) => {
    const values: Record<string, string> = { ann: "key-of-ann", bob: "key-of-bob" };
    for (const [user, key] of Object.entries(values)) bench.setUser(user, { key, both: key });
    bench.setSystem({ both: "of the system" });
    let sent = 0;
    const worker = async () => {
      while (sent < 10_000) {
        const user = ++sent % 7 === 0 ? undefined : sent % 2 === 0 ? "ann" : "bob";
        const init = Math.random() < 0.5 ? { method: "POST", body: "x" } : {};
        const response = await bench.call("f", { ...init, ...(user && { user }) });
        const seen: unknown[] = JSON.parse(await response.text());
        const expected = user === undefined ? null : values[user];
        assertEquals(seen[2], user === undefined ? "of the system" : expected);
        assertEquals(seen.length, 8);
        for (const [i, value] of seen.entries()) if (i !== 2) assertEquals(value, expected);
      }
    };
    await Promise.all(Array.from({ length: 64 }, worker));
    assertEquals(bench.pool.size, 1);
  });
});

Deno.test("the operator's value comes first, then the caller's, then the system's", async () => {
  const code =
    `export default () => Response.json(Object.fromEntries(["secret", "user", "system"].map(
    (name) => [name, [secrets.get(name), secrets.getRequired(name), secrets.getUser(name) ?? null,
      secrets.getSystem(name) ?? null]])))`;
  await withRunner({ code: { f: code }, secrets: { SECRET: "operator" } }, async (bench) => {
    bench.setSystem({ secret: "s1", user: "s2", system: "s3" });
    bench.setUser("ann", { Secret: "u1", user: "u2" });
    assertEquals(await (await bench.call("f", { user: "ann" })).json(), {
      secret: ["operator", "operator", "u1", "s1"],
      user: ["u2", "u2", "u2", "s2"],
      system: ["s3", "s3", null, "s3"],
    });
    assertEquals(await (await bench.call("f")).json(), {
      secret: ["operator", "operator", null, "s1"],
      user: ["s2", "s2", null, "s2"],
      system: ["s3", "s3", null, "s3"],
    });
    assertEquals(bench.executions[0]!.secrets.map(({ name, scope }) => `${scope} ${name}`), [
      "global SECRET",
      "user SECRET",
      "user USER",
      "system SECRET",
      "system SYSTEM",
      "system USER",
    ]);
  });
});

Deno.test("a user's new value reaches their next call, in the same process", async () => {
  const code = `let calls = 0; export default () => Response.json([secrets.get("a.key"), ++calls])`;
  await withRunner({ code: { f: code } }, async (bench) => {
    const ask = async (user: string) => await (await bench.call("f", { user })).json();
    bench.setUser("ann", { "a.key": "first" });
    assertEquals(await ask("ann"), ["first", 1]);
    bench.setUser("ann", { "a.key": "second" });
    assertEquals(await ask("ann"), ["second", 2]);
    bench.setUser("ann", {});
    assertEquals(await ask("ann"), [null, 3]);
  });
});

Deno.test("a new value of the system reaches the next call, also code that read it as it loaded", async () => {
  const code = `const key = secrets.get("key"); export default () => new Response(key)`;
  await withRunner({ code: { f: code } }, async (bench) => {
    for (const key of ["first", "second"]) {
      bench.setSystem({ key });
      assertEquals(await (await bench.call("f")).text(), key);
    }
  });
});

Deno.test("settings are in no variable of a function that serves many", async () => {
  const code = `export default () => Response.json(Object.keys(Deno.env.toObject()))`;
  await withRunner({ code: { f: code } }, async (bench) => {
    bench.setSystem({ key: "of the system" });
    bench.setUser("ann", { key: "of ann" });
    const names: string[] = await (await bench.call("f", { user: "ann" })).json();
    assertEquals(names.filter((name) => /KEY/.test(name)), []);
  });
});

Deno.test("a function that names its secrets sees no other settings", async () => {
  const code = `export default () => Response.json(["ai.key", "other"].map((name) =>
    [secrets.getUser(name) ?? null, secrets.getSystem(name) ?? null]))`;
  const settings = { f: { secrets: ["AI_*"] } };
  await withRunner({ code: { f: code }, settings }, async (bench) => {
    bench.setSystem({ "ai.key": "s1", other: "s2" });
    bench.setUser("ann", { "ai.key": "u1", other: "u2" });
    const seen = await (await bench.call("f", { user: "ann" })).json();
    assertEquals(seen, [["u1", "s1"], [null, null]]);
  });
});

Deno.test("what belongs to a user is masked from the call on that brought it", async () => {
  const code = `const kept = []; export default (request) => {
    const key = secrets.getUser("key") ?? "nothing";
    kept.push(key);
    console.log("now", kept.join(" "), secrets.getSystem("key"));
    console.error("url", new URL("http://x/?k=" + encodeURIComponent(kept[0])).href);
    return new Response(key, { headers: { "x-key": kept[0] } });
  }`;
  await withRunner({ code: { f: code } }, async (bench) => {
    bench.setSystem({ key: "value of the system" });
    bench.setUser("ann", { key: "value/of ann" });
    bench.setUser("bob", { key: "value/of bob" });
    for (const user of ["ann", "bob", undefined]) {
      const response = await bench.call("f", user === undefined ? {} : { user });
      assertEquals(response.headers.get("x-key"), "***");
      assertEquals(await response.text(), user === undefined ? "nothing" : `value/of ${user}`);
    }
    const printed = () =>
      bench.lines.flatMap(({ text }) => /^(?:now|url)/.test(text) ? [text] : []).sort();
    await bench.until(() => printed().length === 6);
    const url = "url http://x/?k=***";
    assertEquals(
      printed(),
      [
        "now *** *** ***",
        "now *** *** nothing ***",
        "now *** ***",
        ...[url, url, url],
      ].sort(),
    );
  });
});

Deno.test("more users than a process holds take turns in it", async () => {
  const code = `export default async (request) => {
    await request.text();
    return new Response(secrets.getUser("key"));
  }`;
  await withRunner({ code: { f: code } }, async (bench) => {
    const users = Array.from({ length: MAX_HELD * 2 }, (_, i) => `user-${i}`);
    for (const user of users) bench.setUser(user, { key: `key of ${user}` });
    const calls = [...users, ...users].map(async (user, i) => {
      // A slow upload: its head goes out when others have come and gone.
      const slow = () => ReadableStream.from(late(i % 7));
      const init = i % 2 === 0 ? { method: "POST", body: slow() } : {};
      const response = await bench.call("f", { user, ...init });
      assertEquals(await response.text(), `key of ${user}`);
    });
    await Promise.all(calls);
  });
});

async function* late(turns: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  yield new TextEncoder().encode("late");
}

Deno.test("a process that was given much is replaced while calls go on", async () => {
  const code = `export default () => new Response(Deno.pid + " " + secrets.getUser("k0"))`;
  await withRunner({ code: { f: code } }, async (bench) => {
    const pids = new Set<string>();
    const each = 50;
    for (let user = 0; user < 2 * WORN_VALUES / each; user++) {
      const values = Array.from({ length: each }, (_, i) => [`k${i}`, `value ${user} ${i}`]);
      bench.setUser(`${user}`, Object.fromEntries(values));
      const text = await (await bench.call("f", { user: `${user}` })).text();
      const [pid, ...rest] = text.split(" ");
      assertEquals(rest.join(" "), `value ${user} 0`);
      pids.add(pid!);
    }
    assert(pids.size >= 2, `${pids.size} processes`);
    await bench.until(() => bench.executions.length === 2 * WORN_VALUES / each);
  });
});
