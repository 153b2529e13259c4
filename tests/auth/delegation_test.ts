import { assert, assertEquals } from "@std/assert";
import type { ServiceKeySpec } from "../../lib/auth/service_keys.ts";
import type { Grant } from "../../lib/principal/principal.ts";
import { assertCode } from "../support/assert_code.ts";
import { admin, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const DAY = 24 * 60 * 60 * 1_000;
const START = Date.UTC(2030, 0, 1);

function grant(actions: Grant["actions"], namespaces = ["*"], names = ["*"]): Grant {
  return { actions, namespaces, names };
}

/** Makes a key and comes in with it. */
async function enter(world: World, spec: Omit<ServiceKeySpec, "name">, by = admin) {
  const { key, text } = await world.keys.issue(by, { name: "k", ...spec });
  const caller = { address: "10.0.0.7" };
  return { key, text, principal: await world.auth.authenticate(text, caller) };
}

const keysOfProd = grant(["keys:admin", "secrets:read"], ["prod*"]);
const inDays = (days: number) => new Date(START + days * DAY);
const options = { now: () => new Date(START) };

test("a key is good for 90 days, unless it is to be good for ever", async (world) => {
  const spec = { name: "k", grants: [grant(["secrets:read"])] };
  const plain = await world.keys.issue(admin, spec);
  assertEquals(plain.key.expiresAt, inDays(90));
  assertEquals((await world.keys.issue(admin, { ...spec, expiresAt: null })).key.expiresAt, null);
  await assertCode(
    "INVALID_INPUT",
    () => world.keys.issue(admin, { ...spec, expiresAt: inDays(0) }),
  );
}, options);

test("a key never outlives its maker's", async (world) => {
  const { principal } = await enter(world, { grants: [keysOfProd], expiresAt: inDays(30) });
  const spec = { name: "child", grants: [grant(["secrets:read"], ["prod"])] };
  for (const expiresAt of [null, inDays(30.001), inDays(90)]) {
    await assertCode("ACCESS_DENIED", () => world.keys.issue(principal, { ...spec, expiresAt }));
  }
  const { key } = await world.keys.issue(principal, spec);
  assertEquals(key.expiresAt, inDays(30));
  const sooner = await world.keys.issue(principal, { ...spec, expiresAt: inDays(1) });
  assertEquals(sooner.key.expiresAt, inDays(1));
}, options);

test("a key bound to addresses makes no key for others, and is good from its own alone", async (world) => {
  const { key, text, principal } = await enter(world, {
    grants: [keysOfProd],
    cidrs: ["10.0.0.0/8", "2001:db8::/32"],
  });
  const spec = { name: "child", grants: [grant(["secrets:read"], ["prod"])] };
  for (const cidrs of [["0.0.0.0/0"], ["11.0.0.0/8"], ["10.0.0.0/7"], ["10.0.0.1", "::1"]]) {
    await assertCode("ACCESS_DENIED", () => world.keys.issue(principal, { ...spec, cidrs }));
  }
  const inherited = await world.keys.issue(principal, spec);
  assertEquals(inherited.key.cidrs, key.cidrs);
  const narrow = await world.keys.issue(principal, { ...spec, cidrs: ["10.0.0.0/8"] });
  assertEquals(narrow.key.cidrs, ["10.0.0.0/8"]);
  for (
    const [address, good] of [
      ["10.9.9.9", true],
      ["::ffff:10.1.1.1", true],
      ["2001:db8::5", true],
      [
        "11.0.0.1",
        false,
      ],
      ["::1", false],
      ["10.0.0.1%lo", false],
      ["x", false],
      [null, false],
    ] as const
  ) {
    assertEquals(world.auth.cached(text, { address }) !== undefined, good, String(address));
    if (!good) {
      await assertCode("AUTHENTICATION_REQUIRED", () => world.auth.authenticate(text, { address }));
    }
  }
  for (const cidrs of [["10.0.0.0/33"], ["x"], ["10.0.0.0/8/8"], ["10.0.0.0/"], [1]]) {
    await assertCode(
      "INVALID_INPUT",
      () => world.keys.issue(admin, { ...spec, cidrs: cidrs as string[] }),
    );
  }
});

test("keys:admin reaches no further than its globs", async (world) => {
  const { principal } = await enter(world, {
    grants: [grant(["keys:admin"], ["prod*"]), grant(["secrets:read", "secrets:list"])],
  });
  const issue = (namespaces: string[]) =>
    world.keys.issue(principal, { name: "k", grants: [grant(["secrets:read"], namespaces)] });
  const { key } = await issue(["prod-eu"]);
  for (const namespaces of [["dev"], ["*"], ["@global"], ["prod-eu", "dev"]]) {
    await assertCode("ACCESS_DENIED", () => issue(namespaces));
  }
  const foreign = await enter(world, { grants: [grant(["secrets:read"], ["dev"])] });
  assertEquals((await world.keys.list(principal)).keys.map(({ id }) => id), [key.id]);
  for (const id of [foreign.key.id, "00000000-0000-4000-8000-000000000000"]) {
    await assertCode("NOT_FOUND", () => world.keys.find(principal, id));
    await assertCode("NOT_FOUND", () => world.keys.revoke(principal, id));
    await assertCode("NOT_FOUND", () => world.keys.rotate(principal, id, {}));
  }
  await assertCode("ACCESS_DENIED", () => world.keys.list(foreign.principal));
});

test("revoking a key revokes what was made with it, and nothing else", async (world) => {
  const root = await enter(world, { grants: [grant(["*"])] });
  const child = await enter(world, { grants: [grant(["*"], ["prod"])] }, root.principal);
  const grandchild = await enter(world, {
    grants: [grant(["secrets:read"], ["prod"])],
  }, child.principal);
  const other = await enter(world, { grants: [grant(["*"])] });
  const { descendants } = await world.keys.revoke(admin, root.key.id);
  assertEquals(descendants, 2);
  for (const { text } of [root, child, grandchild]) {
    assertEquals(world.auth.cached(text), undefined);
    await assertCode("AUTHENTICATION_REQUIRED", () => world.auth.authenticate(text));
  }
  assert(world.auth.cached(other.text) !== undefined);
  // Whoever came in before the revocation makes no key any more.
  await assertCode(
    "ACCESS_DENIED",
    () => world.keys.issue(root.principal, { name: "late", grants: [grant(["secrets:read"])] }),
  );
  const { keys: good } = await world.keys.list(admin);
  assertEquals(good.map(({ id }) => id), [other.key.id]);
  assertEquals((await world.keys.list(admin, { all: true })).keys.length, 4);
});

test("a key that is made while its maker is revoked is revoked, or isn't made", async (world) => {
  for (let round = 0; round < 10; round++) {
    const { key, principal } = await enter(world, { grants: [grant(["*"])] });
    const made = Array.from(
      { length: 4 },
      (_, i) =>
        world.keys.issue(principal, { name: `child-${i}`, grants: [grant(["secrets:read"])] }),
    );
    const [children] = await Promise.all([
      Promise.allSettled(made),
      world.keys.revoke(admin, key.id),
    ]);
    for (const child of children) {
      if (child.status === "rejected") continue;
      const found = await world.keys.find(admin, child.value.key.id);
      assert(found.revokedAt !== null, "a child outlived its maker");
    }
  }
});

test("a list of keys comes in pages", async (world) => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await enter(world, { grants: [grant(["*"])] })).key.id);
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await world.keys.list(admin, { limit: 2, ...(after !== undefined && { after }) });
    found.push(...page.keys.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  assertEquals(found.toSorted(), ids.toSorted());
});
