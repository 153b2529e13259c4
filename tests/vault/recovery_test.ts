import { assertEquals } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import type { Principal } from "../../lib/principal/principal.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { vaultParts } from "../../lib/vault/verify.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { verifyAll } from "../../lib/verify/verify.ts";
import { assertCode } from "../support/assert_code.ts";
import { admin, injected, ref, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;

/** A vault whose clock the test sets, over the world's other parts. */
function vaultAt(world: World, time: { now: number }, keepVersions: number | null = null): Vault {
  const { database: { sql }, ring, resolver } = world;
  return new Vault({ sql, ring, resolver, keepVersions, now: () => new Date(time.now) });
}

/** What the walk finds wrong; nothing, whatever was brought back or removed. */
async function problems(world: World): Promise<string[]> {
  const parts = vaultParts({ ...world, sql: world.database.sql, watch: new HeadWatch() });
  const events = await Array.fromAsync(verifyAll(parts));
  return events.flatMap((event) => event.type === "problem" ? [event.problem] : []);
}

test("a deleted secret is listed and comes back with its history", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("value-1"), description: "d" });
  await vault.update(admin, ref("A"), { value: text("value-2") });
  await vault.create(admin, ref("B", "prod"), { value: text("value-b") });
  const { secret } = await vault.delete(admin, ref("A"));
  await vault.delete(admin, ref("B", "prod"));
  const { secrets } = await vault.recovery.listDeleted(admin);
  assertEquals(secrets.map(({ name }) => String(name)), ["B", "A"]);
  const global = await vault.recovery.listDeleted(admin, { place: null });
  assertEquals(global.secrets.map(({ id }) => id), [secret.id]);
  assertEquals(await injected(world), {});
  const restored = await vault.recovery.restore(admin, ref("A"));
  assertEquals([restored.id, restored.version, restored.description], [secret.id, 2, "d"]);
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-2" });
  assertEquals((await vault.versions(admin, ref("A"))).length, 2);
  assertEquals((await vault.recovery.listDeleted(admin)).secrets.length, 1);
  assertEquals(await problems(world), []);
});

test("pages of deleted secrets follow one another without a gap", async (world) => {
  const { vault } = world;
  const names = ["A", "B", "C", "D", "E"];
  for (const name of names) {
    await vault.create(admin, ref(name), { value: text("value") });
    await vault.delete(admin, ref(name));
  }
  const seen: string[] = [];
  let after: { deletedAt: Date; id: string } | undefined;
  do {
    const page = await vault.recovery.listDeleted(admin, { limit: 2, ...(after && { after }) });
    seen.push(...page.secrets.map(({ name }) => name));
    after = page.next;
  } while (after !== undefined);
  assertEquals(seen.toSorted(), names);
});

test("restore() refuses where there is one again, unless its value becomes the newest", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("old-value") });
  await vault.delete(admin, ref("A"));
  await vault.create(admin, ref("A"), { value: text("new-value") });
  await assertCode("CONFLICT", () => vault.recovery.restore(admin, ref("A")));
  const { version } = await vault.recovery.restore(admin, ref("A"), { asVersion: true });
  assertEquals([version, await injected(world)], [2, { FLUXBASE_SECRET_A: "old-value" }] as never);
  assertEquals((await vault.recovery.listDeleted(admin)).secrets.length, 1);
  await assertCode("SECRET_NOT_FOUND", () => vault.recovery.restore(admin, ref("B")));
  assertEquals(await problems(world), []);
});

test("purge() removes a name for good, live and deleted, and nothing else", async (world) => {
  const { vault, database: { sql } } = world;
  for (const _ of [1, 2]) {
    await vault.create(admin, ref("A"), { value: text("value") });
    await vault.delete(admin, ref("A"));
  }
  await vault.create(admin, ref("A"), { value: text("value") });
  await vault.create(admin, ref("A", "prod"), { value: text("value") });
  assertEquals(await vault.recovery.purge(admin, ref("A")), 3);
  await assertCode("SECRET_NOT_FOUND", () => vault.recovery.purge(admin, ref("A")));
  assertEquals(await sql`select count(*)::int as left from functions.secret_versions`, [
    { left: 1 },
  ]);
  assertEquals(await problems(world), []);
});

test("purgeDeleted() removes what is old enough, and heads know", async (world) => {
  const time = { now: 1_000 };
  const vault = vaultAt(world, time);
  for (const name of ["A", "B"]) {
    await vault.create(admin, ref(name, "prod"), { value: text("value") });
    await vault.delete(admin, ref(name, "prod"));
    time.now += 1_000;
  }
  await vault.create(admin, ref("C", "prod"), { value: text("value") });
  assertEquals(await vault.purgeDeleted(new Date(1_500)), 1);
  const { secrets } = await vault.recovery.listDeleted(admin);
  assertEquals(secrets.map(({ name }) => String(name)), ["B"]);
  assertEquals(await problems(world), []);
});

test("only so many versions are kept, and the oldest one that is kept is known", async (world) => {
  const time = { now: 1_000 };
  const vault = vaultAt(world, time, 3);
  await vault.create(admin, ref("A"), { value: text("value-1") });
  for (let n = 2; n <= 6; n++) await vault.update(admin, ref("A"), { value: text(`value-${n}`) });
  const versions = await vault.versions(admin, ref("A"));
  assertEquals(versions.map(({ version }) => version), [6, 5, 4]);
  await assertCode("VERSION_NOT_FOUND", () => vault.rollback(admin, ref("A"), 3));
  assertEquals((await vault.rollback(admin, ref("A"), 4)).secret.version, 7);
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-4" });
  assertEquals(await problems(world), []);
});

test("trimHistories() shortens by count and by age, never the current version", async (world) => {
  const time = { now: 0 };
  const vault = vaultAt(world, time);
  for (const name of ["A", "B"]) {
    time.now = 1_000;
    await vault.create(admin, ref(name), { value: text("value-1") });
    for (let n = 2; n <= 5; n++) {
      time.now = n * 1_000;
      await vault.update(admin, ref(name), { value: text(`value-${n}`) });
    }
  }
  await vault.delete(admin, ref("B"));
  const kept = async () => (await vault.versions(admin, ref("A"))).map(({ version }) => version);
  const none = { versions: null, replacedBefore: null };
  assertEquals([await vault.trimHistories(none), await kept()], [0, [5, 4, 3, 2, 1]] as never);
  // At that moment version 2 was current: it can be gone back to.
  const age = { versions: null, replacedBefore: new Date(2_500) };
  assertEquals([await vault.trimHistories(age), await kept()], [2, [5, 4, 3, 2]] as never);
  assertEquals(await vault.trimHistories(age), 0);
  await vault.trimHistories({ versions: 2, replacedBefore: null });
  assertEquals(await kept(), [5, 4]);
  await vault.trimHistories({ versions: 1, replacedBefore: new Date(9_999_000) });
  assertEquals(await kept(), [5]);
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-5" });
  assertEquals(await problems(world), []);
});

test("Moments.restore() makes a place what it was, by new versions, in one go", async (world) => {
  const time = { now: 1_000 };
  const vault = vaultAt(world, time);
  const at = (name: string) => ref(name, "prod");
  for (const name of ["SAME", "CHANGED", "DELETED", "REMADE"]) {
    await vault.create(admin, at(name), { value: text(`${name}-then`) });
  }
  await vault.create(admin, ref("GLOBAL"), { value: text("global-then") });
  const moment = new Date(1_500);
  const before = await injected(world, "prod");
  time.now = 2_000;
  await vault.update(admin, at("CHANGED"), { value: text("changed-since") });
  await vault.delete(admin, at("DELETED"));
  await vault.delete(admin, at("REMADE"));
  await vault.create(admin, at("REMADE"), { value: text("remade-since") });
  await vault.create(admin, at("NEW"), { value: text("new-since") });
  time.now = 3_000;
  const since = await injected(world, "prod");
  const place = at("A").namespace;
  const looked = await vault.moments.restore(admin, place, moment, { dryRun: true });
  assertEquals(await injected(world, "prod"), since);
  const done = await vault.moments.restore(admin, place, moment);
  assertEquals(done, looked);
  assertEquals(
    done.map(({ secret, action, from }) => `${secret.name} ${action} ${from}`),
    [
      "CHANGED rollback 1",
      "DELETED restore null",
      "NEW delete null",
      "REMADE delete null",
      "REMADE restore null",
      "SAME unchanged null",
    ],
  );
  assertEquals(await injected(world, "prod"), before);
  assertEquals((await vault.find(admin, at("CHANGED"))).version, 3);
  // The way back can be gone back, too.
  await vault.moments.restore(admin, place, new Date(2_500));
  assertEquals(await injected(world, "prod"), since);
  assertEquals(await problems(world), []);
});

test("Moments.restore() does nothing at all when a value of that time is gone", async (world) => {
  const time = { now: 1_000 };
  const vault = vaultAt(world, time);
  await vault.create(admin, ref("A"), { value: text("value-1") });
  await vault.create(admin, ref("B"), { value: text("value-1") });
  time.now = 2_000;
  await vault.update(admin, ref("A"), { value: text("value-2") });
  await vault.update(admin, ref("B"), { value: text("value-2") });
  await vault.trimHistories({ versions: 1, replacedBefore: null });
  time.now = 3_000;
  await assertCode(
    "VERSION_NOT_FOUND",
    () => vault.moments.restore(admin, null, new Date(1_500)),
  );
  assertEquals((await vault.find(admin, ref("B"))).version, 2);
  await assertCode("INVALID_INPUT", () => vault.moments.restore(admin, null, new Date(4_000)));
});

test("who may not change every secret of a place may not restore it", async (world) => {
  const time = { now: 1_000 };
  const vault = vaultAt(world, time);
  await vault.create(admin, ref("A", "prod"), { value: text("value-1") });
  time.now = 2_000;
  await vault.update(admin, ref("A", "prod"), { value: text("value-2") });
  const reader: Principal = {
    id: "r",
    kind: "service_key",
    grants: [{ actions: ["secrets:read", "secrets:list"], namespaces: ["prod"], names: ["*"] }],
  };
  const stranger: Principal = { ...reader, grants: [] };
  const place = ref("A", "prod").namespace;
  const moment = new Date(1_500);
  for (const options of [{}, { dryRun: true }]) {
    await assertCode(
      "ACCESS_DENIED",
      () => vault.moments.restore(reader, place, moment, options),
    );
    await assertCode(
      "SECRET_NOT_FOUND",
      () => vault.moments.restore(stranger, place, moment, options),
    );
  }
  await assertCode("ACCESS_DENIED", () => vault.recovery.restore(reader, ref("A", "prod")));
  await assertCode("ACCESS_DENIED", () => vault.recovery.purge(reader, ref("A", "prod")));
  await vault.delete(admin, ref("A", "prod"));
  assertEquals((await vault.recovery.listDeleted(reader)).secrets.length, 1);
  assertEquals((await vault.recovery.listDeleted(stranger)).secrets.length, 0);
});

test("restore() refuses an old copy of a deleted secret that was purged", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(admin, ref("A"), { value: text("value-1") });
  await vault.delete(admin, ref("A"));
  await sql.script(`create table functions.kept_rows as select * from functions.secrets;
    create table functions.kept_versions as select * from functions.secret_versions`);
  await vault.recovery.purge(admin, ref("A"));
  await sql.script(`insert into functions.secrets select * from functions.kept_rows;
    insert into functions.secret_versions select * from functions.kept_versions;
    drop table functions.kept_rows; drop table functions.kept_versions`);
  await assertCode("INTEGRITY_VIOLATION", () => vault.recovery.restore(admin, ref("A")));
  assertEquals(await injected(world), {});
  assertEquals((await problems(world)).length, 1);
});
