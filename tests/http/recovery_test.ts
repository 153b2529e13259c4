import { assertEquals, assertMatch } from "@std/assert";
import { injected, openApp, send, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const PATH = "/api/v1/admin/secrets";

test("bulk changes land together, or the first that can't be made is told", async (world) => {
  const app = await openApp(world);
  const bulk = (operations: unknown[]) =>
    send(app, "POST", `${PATH}/bulk`, { json: { operations } });
  const made = await bulk([
    { op: "set", name: "a", value: "value-a", description: "d" },
    { op: "set", name: "b", value: "value-b", namespace: "prod" },
  ]);
  assertEquals(made.status, 200);
  assertEquals(made.body, {
    results: [
      { action: "created", name: "A", namespace: null, version: 1 },
      { action: "created", name: "B", namespace: "prod", version: 1 },
    ],
  });
  const cases: [unknown[], number, RegExp][] = [
    [
      [{ op: "set", name: "c", value: "x" }, {
        op: "set",
        name: "a",
        value: "canary",
        if_match: 7,
      }],
      412,
      /^Operation 1: Secret is at version 1/,
    ],
    [[{ op: "delete", name: "a" }, { op: "delete", name: "nothing" }], 404, /^Operation 1: /],
    [[{ op: "set", name: "1bad", value: "canary" }], 400, /^Operation 0: Name must be/],
    [[{ op: "set", name: "a", value: "canary", scope: "global", namespace: "prod" }], 400, /^Op/],
    [[{ op: "rename", name: "a" }], 400, /must be set or delete/],
    [[], 400, /1 to 1000/],
  ];
  for (const [operations, status, message] of cases) {
    const { status: got, body, text } = await bulk(operations);
    assertEquals([got, text.includes("canary")], [status, false], text);
    assertMatch((body as { error: string }).error, message);
  }
  assertEquals(await injected(world, "prod"), {
    FLUXBASE_SECRET_A: "value-a",
    FLUXBASE_SECRET_B: "value-b",
  });
});

test("secrets that are called like these routes are still secrets", async (world) => {
  const app = await openApp(world);
  for (const name of ["bulk", "restore"]) {
    await send(app, "POST", PATH, { json: { name, value: "value-1" } });
    const put = await send(app, "PUT", `${PATH}/${name}`, { json: { value: "value-2" } });
    assertEquals([put.status, (put.body as { version: number }).version], [200, 2]);
    assertEquals((await send(app, "GET", `${PATH}/${name}`)).status, 200);
    assertEquals((await send(app, "DELETE", `${PATH}/${name}`)).status, 200);
    const restored = await send(app, "POST", `${PATH}/${name}/restore`, { json: {} });
    assertEquals((restored.body as { version: number }).version, 2);
  }
});

test("deleted secrets are paged, restored and purged", async (world) => {
  const app = await openApp(world);
  for (const name of ["A", "B", "C"]) {
    await send(app, "POST", PATH, { json: { name, value: "value-1", namespace: "prod" } });
    await send(app, "DELETE", `${PATH}/${name}?namespace=prod`);
  }
  const first = await send(app, "GET", `${PATH}?deleted=true&limit=2`);
  const names = (body: unknown) => (body as { name: string }[]).map(({ name }) => name);
  const cursor = first.headers.get("x-next-cursor")!;
  const second = await send(app, "GET", `${PATH}?deleted=true&limit=2&cursor=${cursor}`);
  assertEquals([...names(first.body), ...names(second.body)].toSorted(), ["A", "B", "C"]);
  assertEquals(second.headers.get("x-next-cursor"), null);
  assertEquals(names((await send(app, "GET", `${PATH}?deleted=true&scope=global`)).body), []);
  assertEquals((await send(app, "GET", `${PATH}?deleted=true&cursor=x`)).status, 400);
  const restore = (json: unknown) =>
    send(app, "POST", `${PATH}/A/restore?namespace=prod`, { json });
  assertEquals((await restore({})).status, 200);
  assertEquals((await restore({})).status, 404);
  assertEquals((await restore({ as_version: "yes" })).status, 400);
  const purged = await send(app, "DELETE", `${PATH}/A?namespace=prod&purge=true`);
  assertEquals((purged.body as { purged: number }).purged, 1);
  assertEquals((await send(app, "DELETE", `${PATH}/A?namespace=prod&purge=true`)).status, 404);
  const id = crypto.randomUUID();
  assertEquals((await send(app, "DELETE", `/api/v1/secrets/${id}?purge=true`)).status, 400);
});

test("a place is looked at and restored as it was", async (world) => {
  const app = await openApp(world);
  const made = await send(app, "POST", PATH, { json: { name: "A", value: "value-1" } });
  const at = (made.body as { created_at: string }).created_at;
  await send(app, "PUT", `${PATH}/A`, { json: { value: "value-2" } });
  const restore = (json: object) => send(app, "POST", `${PATH}/restore`, { json });
  const looked = await restore({ at, scope: "global", dry_run: true });
  const secrets = [{ name: "A", action: "rollback", version: 3, from_version: 1 }];
  assertEquals(looked.body, { at, dry_run: true, secrets });
  assertEquals((await injected(world)).FLUXBASE_SECRET_A, "value-2");
  assertEquals((await restore({ at, scope: "global" })).body, { at, dry_run: false, secrets });
  assertEquals((await injected(world)).FLUXBASE_SECRET_A, "value-1");
  for (
    const json of [{ at }, { at: "now", scope: "global" }, {
      at: "2999-01-01T00:00:00Z",
      scope: "global",
    }]
  ) {
    assertEquals((await restore(json)).status, 400);
  }
});
