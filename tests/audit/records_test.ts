import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { AuditRecord } from "../../lib/audit/record.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import type { Principal } from "../../lib/principal/principal.ts";
import type { Place } from "../../lib/resolve/head.ts";
import { pageOfStream } from "../../lib/store/audit_rows.ts";
import { findHead } from "../../lib/store/heads.ts";
import { problemsOf, verificationOf } from "../support/verification.ts";
import { admin, joinWorld, ref, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;
const place = (name: string) => ref("A", name).namespace!;

const asker: Principal = { ...admin, origin: { address: "192.0.2.7", requestId: "req-1" } };

function recordsOf({ database: { sql } }: World, stream: Place): Promise<AuditRecord[]> {
  return pageOfStream(sql, stream, 0, 1_000);
}

async function told(world: World, stream: Place): Promise<string[]> {
  return (await recordsOf(world, stream)).map(({ action, name, version }) =>
    `${action} ${name} ${version}`
  );
}

test("every change of a secret leaves a record in the same transaction", async (world) => {
  const { vault } = world;
  await vault.create(asker, ref("A", "prod"), { value: text("value-1") });
  await vault.update(asker, ref("A", "prod"), { value: text("value-2") });
  await vault.update(asker, ref("A", "prod"), { description: "d" });
  await vault.rollback(asker, ref("A", "prod"), 1);
  await vault.delete(asker, ref("A", "prod"));
  await vault.recovery.restore(asker, ref("A", "prod"));
  await vault.recovery.purge(asker, ref("A", "prod"));
  assertEquals(await told(world, place("prod")), [
    "secret.create A 1",
    "secret.update A 2",
    "secret.update A 2",
    "secret.rollback A 3",
    "secret.delete A 3",
    "secret.restore A 3",
    "secret.purge A 3",
  ]);
  const records = await recordsOf(world, place("prod"));
  const [, update, , rollback] = records;
  assertEquals(update!.principal, admin.id);
  assertEquals(update!.principalKind, "service_key");
  assertEquals([update!.address, update!.requestId], ["192.0.2.7", "req-1"]);
  assertEquals([update!.namespace, update!.outcome, update!.count], ["prod", "done", 1]);
  assertEquals(update!.detail, '{"changed":["value"]}');
  assertEquals(rollback!.detail, '{"from":1}');
  assert(!JSON.stringify(records).includes("value-"), "a record holds a value");
  assertEquals(await problemsOf(verificationOf(world)), []);
});

test("changes that are stored together have a record each", async (world) => {
  const { vault } = world;
  await vault.create(asker, ref("FIRST"), { value: text("v") });
  const names = Array.from({ length: 20 }, (_, i) => `S${i}`);
  await Promise.all(names.map((name) => vault.create(asker, ref(name), { value: text("v") })));
  await vault.bulk.write(asker, [
    { ref: ref("S0"), patch: { value: text("w") } },
    { ref: ref("S1"), patch: null },
    { ref: ref("NEW"), patch: { value: text("w") } },
  ]);
  const lines = await told(world, null);
  const created = names.map((name) => `secret.create ${name} 1`).toSorted();
  assertEquals(lines.slice(1, 21).toSorted(), created);
  assertEquals(lines.slice(21), [
    "secret.update S0 2",
    "secret.delete S1 1",
    "secret.create NEW 1",
  ]);
  const head = await findHead(world.database.sql, null);
  assertEquals(head!.revision, lines.length);
  assertEquals(await problemsOf(verificationOf(world)), []);
});

test("a change that fails leaves no record", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(asker, ref("A"), { value: text("v") });
  await sql.script(
    "alter table functions.secret_versions add constraint planted check (version < 2)",
  );
  await assertRejects(() => vault.update(asker, ref("A"), { value: text("w") }));
  await sql.script("alter table functions.secret_versions drop constraint planted");
  await assertRejects(() => vault.create(asker, ref("A"), { value: text("w") }), AppError);
  assertEquals(await told(world, null), ["secret.create A 1"]);
});

test("a change without its record is not stored", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(asker, ref("A"), { value: text("v") });
  await sql.script("alter table app.audit add constraint planted check (version < 2)");
  await assertRejects(() => vault.update(asker, ref("A"), { value: text("w") }));
  await sql.script("alter table app.audit drop constraint planted");
  assertEquals(await sql`select version from functions.secrets`, [{ version: 1 }]);
});

const ATTACKS: readonly [string, string, string][] = [
  ["removed", "delete from app.audit where first_revision = 2", "Record 2 of"],
  ["the newest removed", "delete from app.audit where first_revision = 3", "Record 3 of"],
  ["all removed", "delete from app.audit", "Records 1 to 3 of"],
  ["altered", "update app.audit set principal = 'x' where first_revision = 2", "not as it was"],
  [
    "moved",
    "update app.audit set first_revision = 9, last_revision = 9 where first_revision = 3",
    "not as it was",
  ],
];

for (const [what, statement, problem] of ATTACKS) {
  test(`a record that was ${what} is found`, async (world) => {
    for (const name of ["A", "B", "C"]) {
      await world.vault.create(asker, ref(name), { value: text("v") });
    }
    await world.database.sql.script(
      statement + (statement.includes("where") ? " and" : " where") +
        " stream is null",
    );
    const found = await problemsOf(verificationOf(world));
    assert(found.some((each) => each.includes(problem)), found.join("\n"));
  });
}

test("a head that was put back from an old copy takes no change over newer records", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(asker, ref("A"), { value: text("v") });
  await sql.script(`drop schema if exists old cascade; create schema old;
    create table old.heads as select * from functions.heads;
    create table old.secrets as select * from functions.secrets;
    create table old.versions as select * from functions.secret_versions`);
  await vault.update(asker, ref("A"), { value: text("w") });
  await sql.script(`delete from functions.secret_versions; delete from functions.secrets;
    delete from functions.heads; insert into functions.heads select * from old.heads;
    insert into functions.secrets select * from old.secrets;
    insert into functions.secret_versions select * from old.versions; drop schema old cascade`);
  const other = await joinWorld(world.database, { roots: world.roots });
  const found = await problemsOf(verificationOf(other));
  assertEquals(found, [
    "audit: Records of the global scope go beyond its head: the head is an old copy",
  ]);
  const error = await assertRejects(
    () => other.vault.update(asker, ref("A"), { value: text("x") }),
    AppError,
  );
  assertEquals(error.code, "INTEGRITY_VIOLATION");
  assertStringIncludes(error.message, "old copy");
});

test("accepting the audit keeps what is whole and begins anew where it isn't", async (world) => {
  const { vault, database: { sql } } = world;
  for (const name of ["A", "B", "C"]) {
    await vault.create(asker, ref(name), { value: text("v") });
    await vault.create(asker, ref(name, "prod"), { value: text("v") });
  }
  await sql`delete from app.audit where stream = 'prod' and first_revision = 2`;
  await sql`update app.audit set name = 'X' where stream is null and first_revision = 1`;
  const verification = verificationOf(world);
  const accept = (discard: boolean) => verification.accept(asker, "@audit", { discard });
  const error = await assertRejects(() => accept(false), AppError);
  assertStringIncludes(error.message, "1 row is not as written");
  assertEquals((await accept(true)).discarded, 1);
  assertEquals(await problemsOf(verification), []);
  assertEquals(await told(world, place("prod")), ["secret.create A 1", "secret.create C 1"]);
  await vault.create(asker, ref("D", "prod"), { value: text("v") });
  assertEquals(await problemsOf(verification), []);
  await sql`delete from app.audit where stream = 'prod' and name = 'D'`;
  assertEquals((await problemsOf(verification)).length, 1);
});

test("a place that is accepted has a record for the revisions that it jumps over", async (world) => {
  await world.vault.create(asker, ref("A", "prod"), { value: text("v") });
  await world.database.sql`delete from functions.secrets`;
  await verificationOf(world).accept(asker, "prod", { discard: true });
  assertEquals(await problemsOf(verificationOf(world)), []);
  const [, accepted] = await recordsOf(world, place("prod"));
  assertEquals([accepted!.action, accepted!.firstRevision], ["place.accept", 2]);
  assert(accepted!.lastRevision > 1_000_000);
  assertEquals(accepted!.address, "192.0.2.7");
});
