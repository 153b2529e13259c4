import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import type { Principal } from "../../lib/principal/principal.ts";
import { type ListRequest, type SecretPage, Vault } from "../../lib/vault/vault.ts";
import { assertCode } from "../support/assert_code.ts";
import { admin, injected, joinWorld, ref, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;

test("Vault.create() stores version 1 and the next resolve has it", async (world) => {
  assertEquals(await injected(world), {});
  const expiresAt = new Date("2999-01-02T03:04:05.678Z");
  const { secret } = await world.vault.create(admin, ref("api_key"), {
    value: text("hunter2"),
    description: "ключ ☃",
    expiresAt,
  });
  assertEquals([secret.name, secret.version, secret.scope], ["API_KEY", 1, "global"] as never);
  assertEquals(await injected(world), { FLUXBASE_SECRET_API_KEY: "hunter2" });
  assertEquals(await world.vault.find(admin, ref("API_KEY")), secret);
  assertEquals(await world.vault.find(admin, { id: secret.id }), secret);
  assertEquals(secret.createdBy, admin.id);
  assertEquals(secret.expiresAt, expiresAt);
});

test(
  "Vault.create() refuses a name that is taken in the same scope",
  async (world) => {
    for (const place of [ref("A"), ref("A", "prod")]) {
      await world.vault.create(admin, place, { value: text("first-value") });
      await assertCode(
        "CONFLICT",
        () => world.vault.create(admin, place, { value: text("second-value") }),
      );
    }
    assertEquals(await injected(world, "prod"), { FLUXBASE_SECRET_A: "first-value" });
  },
);

test("Vault.update() counts a version for a value only", async (world) => {
  const a = ref("A");
  const { secret } = await world.vault.create(admin, a, { value: text("value-1") });
  const described = await world.vault.update(admin, a, { description: "new" });
  assertEquals([described.secret.version, described.secret.description], [1, "new"]);
  const expiring = await world.vault.update(admin, a, { expiresAt: new Date(4e12) });
  assertEquals([expiring.secret.version, expiring.secret.description], [1, "new"]);
  const cleared = await world.vault.update(admin, a, { expiresAt: null });
  assertEquals(cleared.secret.expiresAt, null);
  const same = await world.vault.update(admin, { id: secret.id }, { value: text("value-1") });
  assertEquals(same.secret.version, 2);
  const versions = await world.vault.versions(admin, a);
  assertEquals(versions.map(({ version }) => version), [2, 1]);
  await assertCode("INVALID_INPUT", () => world.vault.update(admin, a, {}));
  await assertCode(
    "SECRET_NOT_FOUND",
    () => world.vault.update(admin, ref("A", "prod"), { description: "x" }),
  );
});

test("Vault.rollback() makes an old value a new version", async (world) => {
  const a = ref("A");
  await world.vault.create(admin, a, { value: text("value-1"), description: "kept" });
  await world.vault.update(admin, a, { value: text("value-2") });
  const { secret } = await world.vault.rollback(admin, a, 1);
  assertEquals([secret.version, secret.description], [3, "kept"]);
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-1" });
  await assertCode("VERSION_NOT_FOUND", () => world.vault.rollback(admin, a, 4));
  await assertCode("SECRET_NOT_FOUND", () => world.vault.rollback(admin, ref("B"), 1));
  const rows = await world.database.sql`select envelope from functions.secret_versions`;
  assertEquals(new Set(rows.map((row) => String(row["envelope"]))).size, 3);
});

test("Vault.delete() frees the name at once and purges later", async (world) => {
  const a = ref("A");
  const first = await world.vault.create(admin, a, { value: text("value-1") });
  await world.vault.update(admin, a, { value: text("value-2") });
  await world.vault.delete(admin, a);
  assertEquals(await injected(world), {});
  await assertCode("SECRET_NOT_FOUND", () => world.vault.find(admin, a));
  await assertCode("SECRET_NOT_FOUND", () => world.vault.versions(admin, { id: first.secret.id }));
  await assertCode("SECRET_NOT_FOUND", () => world.vault.delete(admin, a));
  const again = await world.vault.create(admin, a, { value: text("value-3") });
  assertEquals(again.secret.version, 1);
  assertNotEquals(again.secret.id, first.secret.id);
  assertEquals(await world.vault.purgeDeleted(new Date(0)), 0);
  assertEquals(await world.vault.purgeDeleted(new Date(Date.now() + 1_000)), 1);
  const rows = await world.database.sql`select secret_id from functions.secret_versions`;
  assertEquals(rows, [{ secret_id: again.secret.id }]);
});

test("Vault writes refuse a stale If-Match", async (world) => {
  const a = ref("A");
  await world.vault.create(admin, a, { value: text("value-1") });
  const value = text("value-2");
  for (const ifMatch of [[2], [], [3, 4]]) {
    await assertCode(
      "PRECONDITION_FAILED",
      () => world.vault.update(admin, a, { value }, { ifMatch }),
    );
    await assertCode("PRECONDITION_FAILED", () => world.vault.rollback(admin, a, 1, { ifMatch }));
    await assertCode("PRECONDITION_FAILED", () => world.vault.delete(admin, a, { ifMatch }));
  }
  const { secret } = await world.vault.update(admin, a, { value }, { ifMatch: [7, 1] });
  assertEquals(secret.version, 2);
  await world.vault.delete(admin, a, { ifMatch: "*" });
});

test("Vault warns of a value that is too short to be masked", async (world) => {
  const short = await world.vault.create(admin, ref("A"), { value: text("12345") });
  assertEquals(short.warnings.length, 1);
  const long = await world.vault.update(admin, ref("A"), { value: text("123456") });
  assertEquals(long.warnings, []);
  assertEquals((await world.vault.rollback(admin, ref("A"), 1)).warnings.length, 1);
});

test("50 writers at once leave versions 1 to N without a gap", async (world) => {
  const a = ref("A");
  await world.vault.create(admin, a, { value: text("value-1") });
  const writes = Array.from(
    { length: 50 },
    (_, i) =>
      i % 5 === 4
        ? world.vault.rollback(admin, a, 1)
        : world.vault.update(admin, a, { value: text(`value-of-writer-${i}`) }),
  );
  const results = await Promise.all(writes);
  const numbers = results.map(({ secret }) => secret.version).sort((x, y) => x - y);
  assertEquals(numbers, Array.from({ length: 50 }, (_, i) => i + 2));
  const versions = await world.vault.versions(admin, a);
  assertEquals(
    versions.map(({ version }) => version),
    Array.from({ length: 51 }, (_, i) => 51 - i),
  );
  assertEquals((await world.vault.find(admin, a)).version, 51);
  assertEquals(Object.keys(await injected(world)), ["FLUXBASE_SECRET_A"]);
});

test("two replicas that write one secret leave no gap", async (world) => {
  const other = await joinWorld(world.database, { roots: world.roots });
  const a = ref("A");
  await world.vault.create(admin, a, { value: text("value-1") });
  const writes = Array.from(
    { length: 40 },
    (_, i) =>
      (i % 2 === 0 ? world : other).vault.update(admin, a, { value: text(`value-of-${i}`) }),
  );
  const results = await Promise.all(writes);
  const numbers = results.map(({ secret }) => secret.version).sort((x, y) => x - y);
  assertEquals(numbers, Array.from({ length: 40 }, (_, i) => i + 2));
  const versions = await other.vault.versions(admin, a);
  assertEquals(
    versions.map(({ version }) => version),
    Array.from({ length: 41 }, (_, i) => 41 - i),
  );
});

test("what another replica wrote meanwhile counts, not what this one wrote last", async (world) => {
  const other = await joinWorld(world.database, { roots: world.roots });
  const a = ref("A");
  const value = text("value-n");
  await world.vault.create(admin, a, { value });
  await other.vault.update(admin, a, { value, description: "theirs" });
  const third = await world.vault.update(admin, a, { value }, { ifMatch: [2] });
  assertEquals([third.secret.version, third.secret.description], [3, "theirs"]);
  await other.vault.update(admin, a, { value });
  await assertCode(
    "PRECONDITION_FAILED",
    () => world.vault.update(admin, a, { value }, { ifMatch: [3] }),
  );
  assertEquals((await world.vault.rollback(admin, a, 4)).secret.version, 5);
  await other.vault.delete(admin, a);
  await assertCode("SECRET_NOT_FOUND", () => world.vault.update(admin, a, { value }));
  const { secret } = await other.vault.create(admin, a, { value });
  const last = await world.vault.update(admin, a, { value });
  assertEquals([last.secret.id, last.secret.version], [secret.id, 2] as never);
});

test("two creators of one name: one makes it, one gets CONFLICT", async (world) => {
  const other = await joinWorld(world.database, { roots: world.roots });
  const results = await Promise.allSettled(
    [world, other].map((each) => each.vault.create(admin, ref("A"), { value: text("value-1") })),
  );
  assertEquals(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const [versions, heads] = await Promise.all([
    world.vault.versions(admin, ref("A")),
    world.database.sql`select revision from functions.heads where namespace is null`,
  ]);
  assertEquals([versions.length, heads], [1, [{ revision: 1 }]] as never);
});

test("a repeated request under one Idempotency-Key is done once", async (world) => {
  const { vault } = world;
  const once = { idempotencyKey: "create-1" };
  const first = await vault.create(admin, ref("A"), { value: text("12345") }, once);
  const second = await vault.create(admin, ref("A"), { value: text("12345") }, once);
  assertEquals(second, { ...first, replayed: true });
  for (
    const other of [
      () => vault.create(admin, ref("A"), { value: text("54321") }, once),
      () => vault.create(admin, ref("B"), { value: text("12345") }, once),
      () => vault.create(admin, ref("A"), { value: text("12345"), description: "" }, once),
      () => vault.update(admin, ref("A"), { value: text("12345") }, once),
      () => vault.delete(admin, ref("A"), once),
    ]
  ) await assertCode("IDEMPOTENCY_KEY_REUSED", other);
  const deletion = { idempotencyKey: "delete-1" };
  await vault.delete(admin, ref("A"), deletion);
  assertEquals((await vault.delete(admin, ref("A"), deletion)).replayed, true);
  const somebody: Principal = { ...admin, id: "somebody" };
  assertEquals(
    (await vault.create(somebody, ref("A"), { value: text("12345") }, once)).replayed,
    false,
  );
});

test("the same request at once on two replicas is done once", async (world) => {
  const other = await joinWorld(world.database, { roots: world.roots });
  await world.vault.create(admin, ref("A"), { value: text("value-1") });
  const once = { idempotencyKey: "k" };
  const results = await Promise.all(
    [world, other, world, other].map((each) =>
      each.vault.update(admin, ref("A"), { value: text("value-2") }, once)
    ),
  );
  assertEquals(new Set(results.map(({ secret }) => secret.version)), new Set([2]));
  assertEquals(results.filter(({ replayed }) => !replayed).length, 1);
});

test(
  "a remembered answer is forgotten after a day, and not trusted when changed",
  async (world) => {
    let now = new Date();
    const vault = new Vault({ ...world, sql: world.database.sql, now: () => now });
    const once = { idempotencyKey: "k" };
    await vault.create(admin, ref("A"), { value: text("value-1") }, once);
    await world.database.sql`update functions.idempotency_keys set status = 500`;
    await assertCode(
      "INTEGRITY_VIOLATION",
      () => vault.create(admin, ref("A"), { value: text("value-1") }, once),
    );
    now = new Date(now.getTime() + 24 * 3_600_000 + 1);
    await assertCode(
      "CONFLICT",
      () => vault.create(admin, ref("A"), { value: text("value-1") }, once),
    );
    await vault.update(admin, ref("A"), { value: text("value-2") }, once);
    await vault.purgeDeleted(new Date(0));
    assertEquals((await world.database.sql`select key from functions.idempotency_keys`).length, 1);
  },
);

test("Vault.list() pages in order and shows what is granted", async (world) => {
  const { vault } = world;
  const places = [
    ref("B"),
    ref("A"),
    ref("Z_1", "Prod"),
    ref("A", "prod"),
    ref("B", "prod"),
    ref("A", "prod-eu"),
    ref("_X", "prod"),
    ref("A", "0dev"),
    ref("A", "prod.eu"),
  ];
  for (const place of places) await vault.create(admin, place, { value: text("value-1") });
  const all = await vault.list(admin);
  const names = all.secrets.map(({ namespace, name }) => `${namespace ?? ""}/${name}`);
  assertEquals(names, [
    "/A",
    "/B",
    "0dev/A",
    "Prod/Z_1",
    "prod/A",
    "prod/B",
    "prod/_X",
    "prod-eu/A",
    "prod.eu/A",
  ]);
  assertEquals(all.next, undefined);
  const paged: string[] = [];
  let request: ListRequest | undefined = { limit: 2 };
  while (request !== undefined) {
    const page: SecretPage = await vault.list(admin, request);
    paged.push(...page.secrets.map(({ namespace, name }) => `${namespace ?? ""}/${name}`));
    request = page.next && { limit: 2, after: page.next };
  }
  assertEquals(paged, names);
  assertEquals((await vault.list(admin, { scope: "global" })).secrets.length, 2);
  assertEquals((await vault.list(admin, { scope: "namespace" })).secrets.length, 7);
  assertEquals(
    (await vault.list(admin, { namespace: ref("A", "prod").namespace! })).secrets.length,
    3,
  );
  for (
    const [namespaces, globs, want] of [
      [["prod*"], ["*"], ["prod/A", "prod/B", "prod/_X", "prod-eu/A", "prod.eu/A"]],
      [["prod.eu"], ["*"], ["prod.eu/A"]],
      [["@global"], ["A"], ["/A"]],
      [["@global", "prod"], ["?", "_*"], ["prod/_X"]],
      [["nowhere"], ["*"], []],
    ] as const
  ) {
    const some: Principal = {
      ...admin,
      grants: [{ actions: ["secrets:list"], namespaces, names: globs }],
    };
    const { secrets } = await vault.list(some);
    assertEquals(secrets.map(({ namespace, name }) => `${namespace ?? ""}/${name}`), [...want]);
    assertEquals((await vault.stats(some)).total, want.length);
  }
});

test("Vault.stats() counts what expires", async (world) => {
  const now = new Date();
  const days = (n: number) => new Date(now.getTime() + n * 86_400_000);
  for (
    const [name, expiresAt] of [["A", days(-1)], ["B", days(6)], ["C", days(8)], [
      "D",
      null,
    ]] as const
  ) {
    await world.vault.create(admin, ref(name), { value: text("value-1"), expiresAt });
  }
  assertEquals(await world.vault.stats(admin), { total: 4, expiringSoon: 1, expired: 1 });
});

test("Vault tells a principal nothing about where it sees nothing", async (world) => {
  const { vault } = world;
  const { secret } = await vault.create(admin, ref("A", "prod"), { value: text("value-1") });
  const reader: Principal = {
    ...admin,
    grants: [{ actions: ["secrets:read", "secrets:list"], namespaces: ["dev"], names: ["*"] }],
  };
  const value = text("value-2");
  const attempts = (place: { id: string } | ReturnType<typeof ref>) => [
    () => vault.find(reader, place),
    () => vault.versions(reader, place),
    () => vault.update(reader, place, { value }),
    () => vault.rollback(reader, place, 1),
    () => vault.delete(reader, place),
  ];
  for (const hidden of [ref("A", "prod"), ref("B", "prod"), ref("A"), { id: secret.id }]) {
    for (const attempt of attempts(hidden)) await assertCode("SECRET_NOT_FOUND", attempt);
  }
  await assertCode("SECRET_NOT_FOUND", () => vault.create(reader, ref("B", "prod"), { value }));
  const { secret: seen } = await vault.create(admin, ref("A", "dev"), { value });
  for (const attempt of attempts({ id: seen.id }).slice(2)) {
    await assertCode("ACCESS_DENIED", attempt);
  }
  for (const attempt of attempts(ref("A", "dev")).slice(2)) {
    await assertCode("ACCESS_DENIED", attempt);
  }
  assertEquals((await vault.find(reader, ref("A", "dev"))).id, seen.id);
});

test("no value reaches the database in the clear", async (world) => {
  const canary = "canary-7c1f0e";
  await world.vault.create(admin, ref("A"), { value: text(canary) }, { idempotencyKey: "k" });
  await world.vault.update(admin, ref("A"), { value: text(canary + "2") });
  const tables = ["secrets", "secret_versions", "idempotency_keys", "heads", "data_keys"];
  const base64 = btoa(canary).slice(0, 16);
  const hex = new TextEncoder().encode(canary).toHex();
  for (const table of tables) {
    const rows = await world.database.sql.query(`select t::text as row from functions.${table} t`);
    assert(rows.length > 0);
    const dump = JSON.stringify(rows);
    for (const form of [canary, base64, hex]) assert(!dump.includes(form), table);
  }
});

test("putSecrets() writes nothing when a part of it fails", async (world) => {
  await world.vault.create(admin, ref("A"), { value: text("value-1") });
  const { sql } = world.database;
  await sql.script(
    `alter table functions.secret_versions add constraint planted check (version < 2)`,
  );
  await assertRejects(() => world.vault.update(admin, ref("A"), { value: text("value-2") }));
  await sql.script(`alter table functions.secret_versions drop constraint planted`);
  assertEquals(await sql`select version from functions.secrets`, [{ version: 1 }]);
  assertEquals(
    await sql`select revision from functions.heads where namespace is null`,
    [{ revision: 1 }],
  );
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-1" });
});
