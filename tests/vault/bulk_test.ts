import { assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import type { BulkOperation } from "../../lib/vault/bulk.ts";
import { admin, injected, joinWorld, ref, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;
const set = (name: string, value: string, more: Partial<BulkOperation> = {}): BulkOperation => ({
  ref: ref(name),
  patch: { value: text(value) },
  ...more,
});

test("many changes in several places land together", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("value-a1") });
  await vault.create(admin, ref("B"), { value: text("value-b1") });
  const results = await vault.bulk.write(admin, [
    set("A", "value-a2", { ifMatch: [1] }),
    { ref: ref("B"), patch: null },
    set("C", "value-c1"),
    { ref: ref("D", "prod"), patch: { value: text("value-d1"), description: "d" } },
  ]);
  assertEquals(
    results.map(({ action, name, version }) => `${action} ${name} ${version}`),
    ["updated A 2", "deleted B 1", "created C 1", "created D 1"],
  );
  assertEquals(await injected(world, "prod"), {
    FLUXBASE_SECRET_A: "value-a2",
    FLUXBASE_SECRET_C: "value-c1",
    FLUXBASE_SECRET_D: "value-d1",
  });
});

const refused: { name: string; last: BulkOperation; code: string }[] = [
  {
    name: "a version that isn't current",
    last: set("A", "x", { ifMatch: [7] }),
    code: "PRECONDITION_FAILED",
  },
  {
    name: "a secret that must be there",
    last: set("X", "x", { ifMatch: "*" }),
    code: "SECRET_NOT_FOUND",
  },
  { name: "a deletion of nothing", last: { ref: ref("X"), patch: null }, code: "SECRET_NOT_FOUND" },
  {
    name: "a new secret without a value",
    last: { ref: ref("X"), patch: { description: "d" } },
    code: "INVALID_INPUT",
  },
  { name: "a change of nothing", last: { ref: ref("A"), patch: {} }, code: "INVALID_INPUT" },
  { name: "a name that comes twice", last: set("FIRST", "x"), code: "INVALID_INPUT" },
];

test("one that can't be made keeps all others from being made", async (world, _kind, t) => {
  await world.vault.create(admin, ref("A"), { value: text("value-a1") });
  for (const { name, last, code } of refused) {
    await t.step(name, async () => {
      const operations = [set("FIRST", "x"), {
        ref: ref("N", "prod"),
        patch: { value: text("x") },
      }];
      const write = world.vault.bulk.write(admin, [...operations, last]);
      const error = await assertRejects(() => write, AppError);
      assertEquals([error.code, error.message.startsWith("Operation 2: ")], [code, true]);
      assertEquals(await injected(world, "prod"), { FLUXBASE_SECRET_A: "value-a1" });
    });
  }
});

test("1,000 changes land at once, and 1,001 are refused", async (world) => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => set(`S_${i}`, `value-${i}`));
  await assertRejects(() => world.vault.bulk.write(admin, many(1_001)), AppError, "1 to 1000");
  await world.vault.bulk.write(admin, many(1_000));
  assertEquals(Object.keys(await injected(world)).length, 1_000);
});

test("under one idempotency key it happens once", async (world) => {
  const { vault } = world;
  const key = { idempotencyKey: "bulk-1" };
  const write = (value: string) => vault.bulk.write(admin, [set("A", value)], key);
  const first = await Promise.all([write("value-1"), write("value-1")]);
  assertEquals(first[0], first[1]);
  assertEquals((await vault.find(admin, ref("A"))).version, 1);
  const error = await assertRejects(() => write("value-2"), AppError);
  assertEquals(error.code, "IDEMPOTENCY_KEY_REUSED");
});

test("bulk and single writers on two replicas leave no gap and no stale head", async (world) => {
  const other = await joinWorld(world.database, { roots: world.roots });
  for (const name of ["A", "B"]) await world.vault.create(admin, ref(name), { value: text("v-0") });
  const writes = Array.from({ length: 20 }, (_, i) => [
    world.vault.update(admin, ref("A"), { value: text(`v-${i}`) }),
    other.vault.bulk.write(admin, [set("A", `w-${i}`), set("B", `w-${i}`)]),
    other.vault.update(admin, ref("B"), { value: text(`x-${i}`) }),
  ]).flat();
  await Promise.all(writes);
  for (const name of ["A", "B"]) {
    assertEquals((await world.vault.versions(admin, ref(name))).length, 41);
  }
  assertEquals(Object.keys(await injected(other)).length, 2);
});
