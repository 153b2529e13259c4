import { assert, assertEquals, assertMatch } from "@std/assert";
import type { StartedSettings } from "../../lib/settings/start.ts";
import { openSettingsApp, revealed, tokenOf, withSettings } from "../support/settings_world.ts";
import { admin, type HttpWorld, send, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const SYSTEM = "/api/v1/admin/settings/custom";
const USER = "/api/v1/settings";
const ALICE = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const CANARY = "canary-5f0c93d1b2e84a7f";

interface Site extends HttpWorld {
  readonly world: World;
  readonly settings: StartedSettings;
  readonly alice: Record<string, string>;
}

/** Registers a test over both databases with the real app. */
function over(name: string, work: (site: Site) => Promise<void>): void {
  test(name, (world) =>
    withSettings(world, async (settings) => {
      const alice = { authorization: `Bearer ${await tokenOf(ALICE)}` };
      await work({ ...await openSettingsApp(world, settings), world, settings, alice });
    }));
}

/** Both families: the paths of one setting and of the lists, and who asks. */
function families(site: Site) {
  return [
    { base: `${SYSTEM}/secret`, lists: [`${SYSTEM}/secrets`], headers: {}, user: null },
    {
      base: `${USER}/secret`,
      lists: [`${USER}/secret/`, `${USER}/secret`, `${USER}/secrets`],
      headers: site.alice,
      user: ALICE,
    },
  ];
}

over("a setting goes through its life in each family of paths", async (site) => {
  for (const { base, lists, headers, user } of families(site)) {
    for (const path of lists) {
      const { status, body } = await send(site, "GET", path, { headers });
      assertEquals([path, status, body], [path, 200, []]);
    }
    const made = await send(site, "POST", base, {
      headers,
      json: { key: "ai.openai.key", value: CANARY, description: "for chat" },
    });
    assertEquals([made.status, made.headers.get("etag")], [201, '"1"']);
    const { id, created_at, updated_at, created_by, updated_by, ...rest } = made.body as Record<
      string,
      string
    >;
    assertMatch(id!, /^[0-9a-f-]{36}$/);
    assertMatch(created_at! + updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\d{4}/);
    assertEquals(created_by, updated_by);
    assertEquals(rest, {
      key: "ai.openai.key",
      description: "for chat",
      ...(user !== null && { user_id: user }),
    });
    const path = `${base}/ai.openai.key`;
    const got = await send(site, "GET", path, { headers });
    assertEquals([got.status, got.body, got.headers.get("etag")], [200, made.body, '"1"']);
    const put = await send(site, "PUT", path, { headers, json: { value: `${CANARY}2` } });
    assertEquals([put.status, put.headers.get("etag")], [200, '"2"']);
    assertEquals((put.body as Record<string, string>).description, "for chat");
    for (const list of lists) {
      assertEquals((await send(site, "GET", list, { headers })).body, [put.body]);
    }
    assertEquals(await revealed(site.settings, user), { AI_OPENAI_KEY: `${CANARY}2` });
    const gone = await send(site, "DELETE", path, { headers });
    assertEquals([gone.status, gone.text, gone.headers.get("content-type")], [204, "", null]);
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await send(site, method, path, {
        headers,
        json: method === "PUT" ? {} : undefined,
      });
      const { error, code } = answer.body as Record<string, string>;
      const message = user === null ? "Secret setting not found" : "Secret not found";
      assertEquals([answer.status, error, code], [404, message, "NOT_FOUND"]);
    }
  }
  assert(!site.lines.join("\n").includes(CANARY));
});

over("a value doesn't wipe a description, also where a client sends an empty one", async (site) => {
  const description = async () =>
    ((await send(site, "GET", `${SYSTEM}/secret/k`)).body as Record<string, string>).description;
  const put = (json: unknown) => send(site, "PUT", `${SYSTEM}/secret/k`, { json });
  await send(site, "POST", `${SYSTEM}/secret`, {
    json: { key: "k", value: "v1", description: "d" },
  });
  for (
    const json of [{ value: "v2" }, { value: "v3", description: "" }, {
      value: "v4",
      description: null,
    }, {}]
  ) {
    assertEquals((await put(json)).status, 200);
    assertEquals(await description(), "d");
  }
  await put({ value: "v5", description: "e" });
  assertEquals(await description(), "e");
  await put({ description: "" });
  assertEquals(await description(), undefined);
  assertEquals(await revealed(site.settings, null), { K: "v5" });
});

over("what is wrong with a write is said, and never the value", async (site) => {
  for (const { base, headers, user } of families(site)) {
    const what = user === null ? ["Setting key", "Setting value"] : ["key", "value"];
    const already = user === null
      ? "A secret setting with this key already exists"
      : "A secret with this key already exists";
    await send(site, "POST", base, { headers, json: { key: "taken", value: "v" } });
    const cases: [unknown, number, string, string][] = [
      [{ value: CANARY }, 400, "MISSING_REQUIRED_FIELD", `${what[0]} is required`],
      [{ key: "k" }, 400, "MISSING_REQUIRED_FIELD", `${what[1]} is required`],
      [{ key: "k", value: "" }, 400, "MISSING_REQUIRED_FIELD", `${what[1]} is required`],
      [{ key: "taken", value: CANARY }, 409, "DUPLICATE_KEY", already],
      [{ key: "TAKEN", value: CANARY }, 409, "DUPLICATE_KEY", "the same name (TAKEN)"],
      [{ key: "a b", value: CANARY }, 400, "INVALID_INPUT", "Setting key must be"],
      [{ key: "a/b", value: CANARY }, 400, "INVALID_INPUT", "Setting key must be"],
      [{ key: "1a", value: CANARY }, 400, "INVALID_INPUT", "Setting key must be"],
      [{ key: "k".repeat(129), value: CANARY }, 400, "INVALID_INPUT", "Setting key must be"],
      [{ key: "k", value: `${CANARY}\0` }, 400, "INVALID_INPUT", "NUL"],
      [{ key: "k", value: CANARY.repeat(4_000) }, 400, "INVALID_INPUT", "at most"],
      [{ key: "k", value: 5 }, 400, "INVALID_REQUEST_BODY", "value must be a string"],
      [[CANARY], 400, "INVALID_REQUEST_BODY", "must be a JSON object"],
    ];
    for (const [json, status, code, part] of cases) {
      const answer = await send(site, "POST", base, { headers, json });
      const body = answer.body as Record<string, string>;
      const label = JSON.stringify(json).slice(0, 60);
      assertEquals([label, answer.status, body.code], [label, status, code]);
      assert(body.error!.includes(part), body.error);
      assert(!answer.text.includes(CANARY), label);
    }
    const other = await send(site, "PUT", `${base}/taken`, {
      headers,
      json: { key: "x", value: "v" },
    });
    assertEquals(other.status, 400);
    const slash = await send(site, "GET", `${base}/a/b`, { headers });
    assertEquals([slash.status, (slash.body as Record<string, string>).code], [
      400,
      "INVALID_INPUT",
    ]);
    assertEquals((await send(site, "PATCH", `${base}/taken`, { headers })).status, 405);
  }
  assert(!site.lines.join("\n").includes(CANARY));
});

over("the generic path makes secret settings, and no others", async (site) => {
  const post = (json: unknown) => send(site, "POST", `${SYSTEM}/`, { json });
  const made = await post({
    key: "k",
    value: { value: "secret" },
    is_secret: true,
    category: "custom",
  });
  assertEquals(made.status, 201);
  assertEquals(await revealed(site.settings, null), { K: "secret" });
  for (const value of [undefined, {}, "text", { value: "" }, { value: 5 }, null]) {
    const { status, body } = await post({ key: "l", value, is_secret: true });
    const message = 'Secret value must be a non-empty string (use {"value": "your-secret"})';
    assertEquals([status, (body as Record<string, string>).error], [400, message]);
  }
  for (const is_secret of [false, undefined, null]) {
    assertEquals((await post({ key: "l", value: { value: "v" }, is_secret })).status, 400);
  }
});

over("no path returns a value, not even to an administrator", async (site) => {
  await send(site, "POST", `${USER}/secret`, {
    headers: site.alice,
    json: { key: "k", value: CANARY },
  });
  const path = `/api/v1/admin/settings/user/${ALICE}/secret/k/decrypt`;
  const { status, body } = await send(site, "GET", path);
  assertEquals([status, (body as Record<string, string>).code], [403, "ACCESS_DENIED"]);
  assertMatch((body as Record<string, string>).error!, /^Values are never returned/);
});

over(
  "a user reaches their own settings only; a service those of users that it may act for",
  async (site) => {
    const { world, alice } = site;
    const bob = { authorization: `Bearer ${await tokenOf("bob")}` };
    await send(site, "POST", `${USER}/secret`, {
      headers: alice,
      json: { key: "k", value: CANARY },
    });
    assertEquals((await send(site, "GET", `${USER}/secret/k`, { headers: bob })).status, 404);
    assertEquals((await send(site, "GET", `${USER}/secrets`, { headers: bob })).body, []);
    const as = { "x-fluxbase-user": ALICE.toUpperCase() };
    assertEquals(
      (await send(site, "GET", `${USER}/secret/k`, { headers: { ...bob, ...as } })).status,
      403,
    );
    assertEquals(
      (await send(site, "GET", `${USER}/secret/k`, { headers: { ...alice, ...as } })).status,
      200,
    );
    for (const path of [`${SYSTEM}/secrets`, `${SYSTEM}/secret/k`]) {
      assertEquals((await send(site, "GET", path, { headers: alice })).status, 403);
    }
    const noUser = await send(site, "GET", `${USER}/secrets`);
    assertEquals([noUser.status, (noUser.body as Record<string, string>).code], [
      401,
      "AUTHENTICATION_REQUIRED",
    ]);
    assertMatch((noUser.body as Record<string, string>).error!, /^Authentication required/);
    assertEquals((await send(site, "GET", `${USER}/secret/k`, { headers: as })).status, 200);
    const grants = [{ actions: ["settings:user" as const], namespaces: ["*"], names: ["k"] }];
    const { text } = await world.keys.issue(admin, { name: "bff", grants });
    const bff = { ...as, authorization: `Bearer ${text}` };
    assertEquals((await send(site, "GET", `${USER}/secret/k`, { headers: bff })).status, 200);
    const denied = await send(site, "POST", `${USER}/secret`, {
      headers: bff,
      json: { key: "l", value: "v" },
    });
    assertEquals(denied.status, 403);
    for (const id of ["", "%00", "%", "%ff", "x".repeat(256)]) {
      const { status } = await send(site, "GET", `${USER}/secrets`, {
        headers: { "x-fluxbase-user": id },
      });
      assertEquals(status, 400, JSON.stringify(id));
    }
  },
);

over("a write with If-Match or Idempotency-Key does what the headers ask", async (site) => {
  const { base, headers } = families(site)[1]!;
  const json = { key: "k", value: "a value" };
  const twice = [1, 2].map(() =>
    send(site, "POST", base, { headers: { ...headers, "idempotency-key": "one" }, json })
  );
  const [first, second] = await Promise.all(twice);
  assertEquals([first!.status, second!.status, second!.text], [201, 201, first!.text]);
  const replays = [first, second].map((answer) => answer!.headers.get("idempotency-replayed"));
  assertEquals(replays.sort(), ["true", null].sort());
  const stale = { ...headers, "if-match": '"2"' };
  assertEquals((await send(site, "PUT", `${base}/k`, { headers: stale, json })).status, 412);
  assertEquals((await send(site, "DELETE", `${base}/k`, { headers: stale })).status, 412);
  const current = { ...headers, "if-match": '"1"' };
  assertEquals((await send(site, "PUT", `${base}/k`, { headers: current, json })).status, 200);
});
