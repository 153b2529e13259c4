import { assert, assertEquals } from "@std/assert";
import { Hono } from "hono";
import { Authentication } from "../../lib/auth/authentication.ts";
import { Limits, type LimitSettings } from "../../lib/auth/limits.ts";
import { generateServiceKey } from "../../lib/auth/service_key_text.ts";
import { createApp } from "../../lib/http/app.ts";
import { Client } from "../../lib/http/client_address.ts";
import { AddressSet } from "../../lib/auth/cidr.ts";
import { exchangeRoutes } from "../../lib/http/identity.ts";
import { createLog } from "../../lib/log.ts";
import { testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const OFF: LimitSettings = { perKey: 0, perAddress: 0, failures: 0 };

/** The app of a world behind limits whose clock a test moves. */
async function limited(world: World, settings: Partial<LimitSettings>) {
  const time = { now: 0 };
  const limits = new Limits({ ...OFF, ...settings }, () => time.now);
  const auth = new Authentication({ keys: world.auth, tokens: null, limits });
  const app = createApp({
    vault: world.vault,
    auth,
    health: {},
    log: createLog({ write: () => {} }),
    functions: new Hono(),
    open: {
      "/exchange": exchangeRoutes({
        attempt: (caller, check) => auth.attempt(caller, check),
        exchange: (token) => auth.authenticate(token).then(() => Promise.reject(new Error())),
      }),
    },
  });
  const key = (await world.systemKeys.ensureAdminKey())!;
  const ask = async (credential: string | null, address: string, init: RequestInit = {}) => {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (credential !== null) headers.authorization = `Bearer ${credential}`;
    const path = init.method === undefined ? "/api/v1/secrets" : "/exchange";
    const answer = await app.request(path, { ...init, headers }, { address });
    const { code } = await answer.json() as { code?: string };
    return { status: answer.status, code, wait: Number(answer.headers.get("retry-after")) };
  };
  return { time, ask, key, app };
}

/** A body that says when somebody reads it. */
function watched(): { body: ReadableStream; state: { read: boolean } } {
  const state = { read: false };
  const pull = (to: ReadableStreamDefaultController) => {
    state.read = true;
    to.enqueue(new TextEncoder().encode("{}"));
    to.close();
  };
  return { state, body: new ReadableStream({ pull }, { highWaterMark: 0 }) };
}

test("after some failures an address waits, longer each time, and others don't", async (world) => {
  const { time, ask, key } = await limited(world, { failures: 3 });
  const bad = () => generateServiceKey().text;
  for (let i = 0; i < 3; i++) assertEquals((await ask(bad(), "192.0.2.1")).status, 401);
  const locked = await ask(bad(), "192.0.2.1");
  assertEquals([locked.status, locked.code, locked.wait], [429, "RATE_LIMITED", 1]);
  assertEquals((await ask(key, "192.0.2.1")).status, 429);
  assertEquals((await ask(key, "192.0.2.2")).status, 200);
  // It is at work by now, and nobody's failures stand in its way.
  assertEquals((await ask(key, "192.0.2.1")).status, 200);
  time.now += 1_000;
  assertEquals((await ask(bad(), "192.0.2.1")).status, 401);
  assertEquals((await ask(bad(), "192.0.2.1")).wait, 2);
});

test("guesses at one key lock its id for everybody whose key isn't at work", async (world) => {
  const { ask, key } = await limited(world, { failures: 3 });
  assertEquals((await ask(key, "198.51.100.10")).status, 200);
  const forged = key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
  for (let i = 0; i < 3; i++) assertEquals((await ask(forged, `198.51.100.${i}`)).status, 401);
  assertEquals((await ask(forged, "198.51.100.9")).status, 429);
  assertEquals((await ask(key, "198.51.100.10")).status, 200);
  world.auth.invalidate(null);
  assertEquals((await ask(key, "198.51.100.10")).status, 429);
});

test("who waits is told so before the body is read", async (world) => {
  const { ask, key } = await limited(world, { failures: 1 });
  const open = watched();
  const first = await ask(null, "192.0.2.1", { method: "POST", body: '{"token":"fxsk_x"}' });
  assertEquals(first.status, 401);
  const locked = await ask(null, "192.0.2.1", { method: "POST", body: open.body });
  assertEquals([locked.status, open.state.read], [429, false]);
  const other = watched();
  await ask(null, "192.0.2.2", { method: "POST", body: other.body });
  assert(other.state.read);
  assertEquals((await ask(key, "192.0.2.2")).status, 200);
});

test("requests without a key have a rate by address, and a key's where one is set", async (world) => {
  const { time, ask, key } = await limited(world, { perAddress: 1, perKey: 1 });
  const statuses: number[] = [];
  for (let i = 0; i < 7; i++) statuses.push((await ask(null, "192.0.2.1")).status);
  assertEquals(statuses, [401, 401, 401, 401, 401, 429, 429]);
  assertEquals((await ask(null, "192.0.2.2")).status, 401);
  const used: number[] = [];
  for (let i = 0; i < 7; i++) used.push((await ask(key, "192.0.2.3")).status);
  assertEquals(used, [200, 200, 200, 200, 200, 429, 429]);
  time.now += 1_000;
  assertEquals((await ask(key, "192.0.2.3")).status, 200);
});

Deno.test("a client's address is worked out only when somebody asks", () => {
  let asked = 0;
  const connection = {
    get remoteAddr() {
      asked++;
      return { transport: "tcp", hostname: "10.0.0.1" };
    },
  };
  const headers = { "x-forwarded-for": "192.0.2.7" };
  const request = new Request("http://x/", { headers });
  const client = new Client(request, connection, new AddressSet(["10.0.0.0/8"]));
  assertEquals(asked, 0);
  assertEquals([client.address, asked], ["192.0.2.7", 1]);
  assertEquals(new Client(request, connection, null).address, "10.0.0.1");
});

test("a client may begin with any number of requests at once", async (world) => {
  const { ask, key } = await limited(world, { perAddress: 5, failures: 3 });
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(key, "192.0.2.1")));
  assertEquals(new Set(answers.map(({ status }) => status)), new Set([200]));
});
