import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AppError } from "../../lib/errors.ts";
import { MAX_BODY_BYTES } from "../../lib/http/body.ts";
import { createApp } from "../../lib/http/app.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { createLog } from "../../lib/log.ts";
import { generateServiceKey } from "../../lib/auth/service_key_text.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { Hono } from "hono";
import { type HttpWorld, openApp, send, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const CANARY = "canary-9b1f2c77";
const PATHS = ["/api/v1/secrets", "/api/v1/admin/secrets"];

/** Sends a body as it is, with the administrator's key. */
function post(
  http: HttpWorld,
  path: string,
  body: BodyInit | null,
  headers: Record<string, string> = {},
) {
  return http.app.request(path, {
    method: "POST",
    body,
    headers: {
      authorization: `Bearer ${http.key}`,
      "content-type": "application/json",
      ...headers,
    },
  });
}

test("nothing but health is served without a good key", async (world) => {
  const http = await openApp(world);
  const routes = http.app.routes.filter(({ method, path }) =>
    method !== "ALL" && !path.includes("*")
  );
  assert(routes.length > 15);
  const stranger = generateServiceKey().text;
  const headers: Record<string, string>[] = [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: `Bearer ${stranger}` },
    { authorization: `Basic ${btoa(`x:${http.key}`)}` },
    { authorization: http.key },
    { authorization: "Bearer eyJhbGciOiJub25lIn0.e30." },
    { "x-service-key": stranger },
    { "x-service-key": `${http.key}x` },
    { clientkey: http.key },
  ];
  for (const { method, path } of routes) {
    if (path === "/healthz" || path === "/readyz") {
      assertEquals((await http.app.request(path, { method })).status, 200);
      continue;
    }
    for (const each of headers) {
      const answer = await http.app.request(path, { method, headers: each });
      assertEquals(answer.status, 401, `${method} ${path} ${JSON.stringify(each)}`);
      assertEquals(answer.headers.get("www-authenticate"), "Bearer");
      await answer.body?.cancel();
    }
  }
});

test("a good key is taken from each header, and never from the URL", async (world) => {
  const http = await openApp(world);
  for (
    const headers of [
      { authorization: `Bearer ${http.key}` },
      { authorization: `bearer  ${http.key}` },
      { authorization: `ServiceKey ${http.key}` },
      { "x-service-key": http.key },
    ] as Record<string, string>[]
  ) {
    const answer = await http.app.request(PATHS[0]!, { headers });
    assertEquals([answer.status, await answer.text()], [200, "[]"]);
  }
  for (const query of [`?token=${http.key}`, `?scope=global&access_token=x`, "?clientkey="]) {
    const bare = await http.app.request(PATHS[0] + query);
    const keyed = await send(http, "GET", PATHS[0] + query);
    assertEquals([bare.status, keyed.status], [401, 401]);
    assert(!keyed.text.includes(http.key));
    await bare.body?.cancel();
  }
});

test("a limited key sees and does what it is granted, over HTTP", async (world) => {
  const http = await openApp(world);
  const issuer = await world.auth.authenticate(http.key);
  const { text } = await world.keys.issue(issuer, {
    name: "reader",
    grants: [{ actions: ["secrets:list", "secrets:read"], namespaces: ["prod"], names: ["*"] }],
  });
  const limited = { ...http, key: text };
  for (const namespace of ["", "prod", "dev"]) {
    await send(http, "POST", PATHS[0]!, { json: { name: "A", value: "value-1", namespace } });
  }
  assertEquals(((await send(limited, "GET", PATHS[0]!)).body as unknown[]).length, 1);
  const status = async (method: string, query: string, json?: unknown) =>
    (await send(limited, method, `${PATHS[1]}/A${query}`, { ...(json !== undefined && { json }) }))
      .status;
  assertEquals(await status("GET", "?namespace=prod"), 200);
  assertEquals(await status("PUT", "?namespace=prod", { value: "value-2" }), 403);
  assertEquals(await status("DELETE", "?namespace=prod"), 403);
  for (const query of ["", "?namespace=dev", "?namespace=nowhere"]) {
    assertEquals(await status("GET", query), 404);
    assertEquals(await status("PUT", query, { value: "value-2" }), 404);
    assertEquals(await status("DELETE", query), 404);
  }
});

test(
  "bodies are refused by type, size, depth and encoding before they are parsed",
  async (world, _kind, t) => {
    const http = await openApp(world);
    const nested = (depth: number) =>
      `{"name":"A","value":"${CANARY}","x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    const padded = (bytes: number) => `{"x":"${CANARY}${"x".repeat(bytes - 8 - CANARY.length)}"}`;
    const cases: [
      name: string,
      body: BodyInit | null,
      headers: Record<string, string>,
      status: number,
    ][] = [
      ["no type", nested(2), { "content-type": "" }, 415],
      ["a form", `value=${CANARY}`, { "content-type": "application/x-www-form-urlencoded" }, 415],
      ["text", nested(2), { "content-type": `text/plain; ${CANARY}` }, 415],
      ["JSON with a charset", `{"name":"B1","value":"value-1"}`, {
        "content-type": "application/json; charset=utf-8",
      }, 201],
      ["a JSON dialect", `{"name":"B2","value":"value-1"}`, {
        "content-type": "application/problem+json",
      }, 201],
      ["no body", null, {}, 400],
      ["half a body", `{"value":"${CANARY}`, {}, 400],
      ["a number", "1", {}, 400],
      ["a text", `"${CANARY}"`, {}, 400],
      ["a list", `["${CANARY}"]`, {}, 400],
      ["comments", `{"value":"${CANARY}"/**/}`, {}, 400],
      ["a byte order mark", `\ufeff{"name":"A","value":"${CANARY}"}`, {}, 400],
      ["32 levels", nested(32).replace('"A"', '"B3"'), {}, 201],
      ["33 levels", nested(33), {}, 400],
      ["100,000 levels", "[".repeat(100_000), {}, 400],
      ["levels in a text", `{"name":"B4","value":"${"[{".repeat(100)}"}`, {}, 201],
      [
        "not UTF-8",
        new Uint8Array([...new TextEncoder().encode(`{"value":"${CANARY}`), 0xff, 0x22, 0x7d]),
        {},
        400,
      ],
      ["exactly the limit", padded(MAX_BODY_BYTES), {}, 400],
      ["one byte more", padded(MAX_BODY_BYTES + 1), {}, 413],
      ["a lie about the length", padded(100), { "content-length": "99999999" }, 413],
      [
        "an own __proto__",
        `{"__proto__":{"value":"${CANARY}"},"constructor":{},"name":"C"}`,
        {},
        400,
      ],
      ["a name twice", `{"name":"${CANARY}","name":"B5","value":"value-1"}`, {}, 201],
    ];
    for (const [name, body, headers, status] of cases) {
      await t.step(name, async () => {
        const answer = await post(http, PATHS[0]!, body, headers);
        const text = await answer.text();
        assertEquals([answer.status, text.includes(CANARY)], [status, false], text);
      });
    }
    assertEquals(({} as Record<string, unknown>)["value"], undefined);
    assert(!http.lines.join("\n").includes(CANARY));
  },
);

test("an endless body is given up at the limit", async (world) => {
  const http = await openApp(world);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 64 * 1_024;
      controller.enqueue(new Uint8Array(64 * 1_024).fill(0x20));
    },
  });
  const answer = await post(http, PATHS[0]!, body);
  assertEquals(answer.status, 413);
  assert(sent < 2 * MAX_BODY_BYTES);
  await answer.body?.cancel();
});

test("a canary in every place of a bad request is in no answer and in no log", async (world) => {
  const http = await openApp(world);
  await send(http, "POST", PATHS[0]!, { json: { name: "A", value: CANARY, description: "d" } });
  const requests: [
    method: string,
    path: string,
    json?: unknown,
    headers?: Record<string, string>,
  ][] = [];
  for (const path of PATHS) {
    for (const field of ["name", "scope", "namespace", "description", "expires_at", CANARY]) {
      requests.push(["POST", path, { name: "A", value: CANARY, [field]: `${CANARY}\0/` }]);
      requests.push(["PUT", `${path}/by-name/A`, { value: CANARY, [field]: `${CANARY}\0/` }]);
      requests.push(["POST", path, { name: "A", value: { [CANARY]: CANARY }, [field]: 1 }]);
    }
    requests.push(["GET", `${path}/${CANARY}`], ["GET", `${path}/by-name/${CANARY}`]);
    requests.push(["GET", `${path}/A%00${CANARY}`], ["GET", `${path}/%ff${CANARY}`], [
      "DELETE",
      `${path}/${CANARY}`,
    ]);
    requests.push(["POST", `${path}/by-name/A/rollback/${CANARY}`], ["POST", `${path}/A/rollback`, {
      version: CANARY,
    }]);
    requests.push(["GET", `${path}?scope=${CANARY}`], ["GET", `${path}?namespace=/${CANARY}`]);
    requests.push(["GET", `${path}?cursor=${btoa(CANARY)}`], ["GET", `${path}?limit=${CANARY}`]);
    requests.push(["GET", `${path}?token=${CANARY}`], ["PATCH", `${path}/by-name/${CANARY}`]);
    for (
      const header of [
        "authorization",
        "x-service-key",
        "if-match",
        "idempotency-key",
        "x-request-id",
        "content-type",
        "cookie",
        "accept",
      ]
    ) {
      requests.push(["POST", path, { name: "A", value: CANARY }, { [header]: `Bearer ${CANARY}` }]);
      requests.push(["PUT", `${path}/${CANARY}`, { value: CANARY }, { [header]: CANARY }]);
    }
  }
  requests.push(["GET", `/${CANARY}`], ["POST", `/api/v1/${CANARY}?${CANARY}=${CANARY}`, {
    value: CANARY,
  }]);
  for (const [method, path, json, headers] of requests) {
    const answer = await send(http, method, path, {
      ...(json !== undefined && { json }),
      ...(headers && { headers }),
    });
    const shown = answer.text + JSON.stringify([...answer.headers]);
    assert(!shown.includes(CANARY), `${method} ${path} ${shown}`);
  }
  // The last two lead nowhere; the others are logged.
  assert(http.lines.length >= requests.length - 2);
  const log = http.lines.join("\n");
  for (const leak of [CANARY, http.key, http.key.slice(14, 57)]) assert(!log.includes(leak));
});

Deno.test("the canary's search would find it: a log that had it fails", () => {
  const lines: string[] = [];
  createLog({ write: (line) => lines.push(line) }).info("x", { path: CANARY });
  assert(lines.join("").includes(CANARY));
});

test(
  "whatever bytes are sent, the answer is a known error and holds none of them",
  async (world, kind) => {
    const http = await openApp(world);
    const json = fc.json().map((text) => text.replaceAll("{", `{"${CANARY}":1,`));
    const body = fc.oneof(json, fc.string().map((text) => `{"value":"${CANARY}${text}`), fc.json());
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(...PATHS), async (text, path) => {
        const answer = await post(http, path, text);
        const shown = await answer.text();
        assert([400, 201, 409].includes(answer.status), shown);
        assert(!shown.includes(CANARY));
      }),
      { numRuns: kind === "postgres" ? 500 : 100 },
    );
    assert(!http.lines.join("\n").includes(CANARY));
  },
);

test("a defect of the server's is logged by request id, and told as nothing more", async (world) => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const vault = new Vault({ ...world, sql: world.database.sql });
  const failing = new Hono<AppEnv>();
  failing.get("/", () => {
    throw new Error(`${CANARY} at /etc/secret`);
  });
  const unavailable = new Hono<AppEnv>();
  unavailable.get("/", () => {
    throw new AppError("STORE_UNAVAILABLE", "The database cannot be reached", {
      cause: new Error(CANARY),
    });
  });
  const { auth } = world;
  const key = await world.systemKeys.ensureAdminKey();
  const app = createApp({
    vault,
    auth,
    health: {},
    log,
    functions: new Hono(),
    mounts: { "/api/v1/broken": failing, "/api/v1/away": unavailable },
  });
  const headers = { authorization: `Bearer ${key}` };
  const broken = await app.request("/api/v1/broken", { headers });
  const body = await broken.json();
  assertEquals([broken.status, body.error, body.code], [500, "Internal error", "INTERNAL_ERROR"]);
  assertEquals(Object.keys(body), ["error", "code", "request_id"]);
  const entry = lines.map((line) => JSON.parse(line)).find(({ event }) =>
    event === "request broke"
  );
  assertEquals([entry.request_id, entry.error, entry.level], [body.request_id, "Error", "error"]);
  assert(String(entry.at).includes("hostile_test.ts"));
  const away = await app.request("/api/v1/away", { headers });
  assertEquals([away.status, (await away.json()).code], [503, "STORE_UNAVAILABLE"]);
  assert(!(lines.join("\n") + JSON.stringify(body)).includes(CANARY));
});

test("every answer forbids caching and sniffing, and carries a request id", async (world) => {
  const http = await openApp(world);
  const id = crypto.randomUUID();
  for (
    const path of [
      PATHS[0]!,
      `${PATHS[0]}/by-name/NOBODY`,
      "/healthz",
      "/readyz",
      "/nothing",
      `${PATHS[0]}?limit=x`,
    ]
  ) {
    const { headers } = await send(http, "GET", path, { headers: { "x-request-id": id } });
    const seen = ["cache-control", "x-content-type-options", "x-request-id"].map((name) =>
      headers.get(name)
    );
    assertEquals(seen, ["no-store", "nosniff", id], path);
  }
  const { headers } = await send(http, "GET", PATHS[0]!, { headers: { "x-request-id": "mine" } });
  assert(headers.get("x-request-id") !== "mine");
});

test("readyz tells the parts apart and why not", async (world) => {
  const { vault, auth } = world;
  const log = createLog({ write: () => {} });
  const health = {
    database: async () => void await world.database.sql`select 1 as one`,
    key_ring: () => {
      throw new Error(CANARY);
    },
  };
  const app = createApp({ vault, auth, health, log, functions: new Hono() });
  const answer = await app.request("/readyz");
  assertEquals([answer.status, await answer.json()], [503, {
    status: "unavailable",
    checks: { database: "ok", key_ring: "failed" },
  }]);
});
