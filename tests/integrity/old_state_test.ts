import { assertEquals, assertStringIncludes } from "@std/assert";
import { canonical } from "../../lib/crypto/canonical.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { compareAnchor, type HeadState } from "../../lib/cli/anchor.ts";
import { createLog } from "../../lib/log.ts";
import { acceptAtStart } from "../../lib/server/accept.ts";
import { scanSecrets } from "../../lib/store/secret_scan.ts";
import { ensureHeads } from "../../lib/vault/adopt.ts";
import type { Verification } from "../../lib/verify/verification.ts";
import { assertCode } from "../support/assert_code.ts";
import { problemsOf, verificationOf } from "../support/verification.ts";
import {
  admin,
  injected,
  joinWorld,
  ref,
  testOverDatabases,
  type World,
} from "../support/world.ts";

const test = testOverDatabases();
const text = Plaintext.fromText;

/** Another server on the same database, which has seen nothing yet. */
const restarted = (world: World) => joinWorld(world.database, { roots: world.roots });

async function headsOf(verification: Verification): Promise<HeadState[]> {
  const events = await Array.fromAsync(verification.verify(admin));
  return events.filter((event) => event.type === "head");
}

/** Puts everything of a namespace back as it was when `keep` was called. */
async function keep(world: World, place: string): Promise<() => Promise<void>> {
  const { sql } = world.database;
  const copies = ["secrets", "heads", "secret_versions", "audit"].map((table) => {
    const where = table === "secret_versions"
      ? `secret_id in (select id from functions.secrets where namespace = '${place}')`
      : `namespace = '${place}'`;
    return { table, where, name: `${table === "audit" ? "app" : "functions"}.${table}` };
  });
  await sql.script(
    `drop schema if exists old cascade; create schema old;` +
      copies.map(({ table, where, name }) =>
        `create table old.${table} as select * from ${name} where ${where};`
      ).join(""),
  );
  return () =>
    sql.transaction(async (tx) => {
      for (const { where, name } of copies.toReversed()) {
        await tx.query(`delete from ${name} where ${where}`);
      }
      for (const { table, name } of copies) {
        await tx.query(`insert into ${name} select * from old.${table}`);
      }
      await tx.script(`drop schema old cascade`);
    });
}

test("a consistent old state is refused by who has seen a newer one, and found by an anchor", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A", "prod"), { value: text("value-1") });
  const putBack = await keep(world, "prod");
  await vault.update(admin, ref("A", "prod"), { value: text("value-2") });
  assertEquals(await injected(world, "prod"), { FLUXBASE_SECRET_A: "value-2" });
  const anchor = await headsOf(verificationOf(world));
  await putBack();
  world.resolver.invalidate(null);
  const error = await assertCode("INTEGRITY_VIOLATION", () => injected(world, "prod"));
  assertStringIncludes(error.message, "older");
  const write = () => vault.update(admin, ref("A", "prod"), { value: text("value-3") });
  await assertCode("INTEGRITY_VIOLATION", write);
  // Nothing inside tells its age: who has seen nothing newer serves it, and the walk finds it well.
  const other = await restarted(world);
  assertEquals(await injected(other, "prod"), { FLUXBASE_SECRET_A: "value-1" });
  assertEquals(await problemsOf(verificationOf(other)), []);
  const problems = compareAnchor(anchor, await headsOf(verificationOf(other)));
  assertEquals(problems, ["prod was at revision 2 and is back at 1"]);
});

test("a namespace that was removed whole is refused, and found by an anchor", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(admin, ref("A"), { value: text("global") });
  await vault.create(admin, ref("A", "prod"), { value: text("prod") });
  await vault.create(admin, ref("A", "dev"), { value: text("dev") });
  const anchor = await headsOf(verificationOf(world));
  await sql`delete from functions.secrets where namespace = 'prod'`;
  await sql`delete from functions.heads where namespace = 'prod'`;
  const other = await restarted(world);
  for (const each of [world, other]) {
    each.resolver.invalidate(null);
    await assertCode("INTEGRITY_VIOLATION", () => injected(each, "prod"));
    const create = () => each.vault.create(admin, ref("B", "prod"), { value: text("new") });
    await assertCode("INTEGRITY_VIOLATION", create);
    // Of a namespace without a head, nobody can tell any more whether it had one.
    await assertCode("INTEGRITY_VIOLATION", () => injected(each, "other"));
    assertEquals(await injected(each), { FLUXBASE_SECRET_A: "global" });
    assertEquals(await injected(each, "dev"), { FLUXBASE_SECRET_A: "dev" });
  }
  assertEquals(
    compareAnchor(anchor, await headsOf(verificationOf(other)))[0],
    "prod was at revision 1 and is gone",
  );
});

test("a namespace that was invented is refused", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(admin, ref("A", "prod"), { value: text("prod") });
  await sql`update functions.heads set namespace = 'dev' where namespace = 'prod'`;
  await sql`update functions.secrets set namespace = 'dev' where namespace = 'prod'`;
  const other = await restarted(world);
  for (const place of ["prod", "dev"]) {
    await assertCode("INTEGRITY_VIOLATION", () => injected(other, place));
  }
});

test("a place that is accepted is open again, on every server", async (world) => {
  const { vault, database: { sql } } = world;
  for (const name of ["A", "B", "C"]) {
    await vault.create(admin, ref(name, "prod"), { value: text(`value-${name}`) });
  }
  const other = await restarted(world);
  assertEquals(Object.keys(await injected(other, "prod")).length, 3);
  await sql`delete from functions.secrets where name = 'B'`;
  await sql`update functions.secrets set description = 'mine' where name = 'C'`;
  for (const each of [world, other]) {
    each.resolver.invalidate(null);
    await assertCode("INTEGRITY_VIOLATION", () => injected(each, "prod"));
  }
  const verification = verificationOf(world);
  assertEquals((await problemsOf(verification)).length, 2);
  const accept = (discard: boolean) => verification.accept(admin, "prod", { discard });
  const error = await assertCode("INTEGRITY_VIOLATION", () => accept(false));
  assertStringIncludes(error.message, "1 row is not as written");
  assertEquals(await accept(true), { accepted: 1, discarded: 1 });
  assertEquals(await problemsOf(verification), []);
  for (const each of [world, other, await restarted(world)]) {
    each.resolver.invalidate(null);
    assertEquals(await injected(each, "prod"), { FLUXBASE_SECRET_A: "value-A" });
    await each.vault.update(admin, ref("A", "prod"), { value: text("value-A") });
  }
});

test("a history with a gap is accepted as far as it goes back", async (world) => {
  const { vault, database: { sql } } = world;
  await vault.create(admin, ref("A"), { value: text("value-1") });
  for (let n = 2; n <= 5; n++) await vault.update(admin, ref("A"), { value: text(`value-${n}`) });
  await vault.create(admin, ref("B"), { value: text("value-1") });
  await sql`delete from functions.secret_versions where version = 2`;
  await sql`delete from functions.secret_versions v using functions.secrets s
    where s.id = v.secret_id and s.name = 'B'`;
  await assertCode("INTEGRITY_VIOLATION", () => vault.versions(admin, ref("A")));
  const verification = verificationOf(world);
  assertEquals(await verification.accept(admin, "@global", { discard: true }), {
    accepted: 1,
    discarded: 2,
  });
  assertEquals((await vault.versions(admin, ref("A"))).map(({ version }) => version), [5, 4, 3]);
  assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-5" });
  assertEquals(await problemsOf(verification), []);
});

test("the list of namespaces and the set of keys are accepted, too", async (world) => {
  const { vault, keys, auth, database: { sql } } = world;
  await vault.create(admin, ref("A", "prod"), { value: text("prod") });
  await vault.create(admin, ref("A", "gone"), { value: text("gone") });
  const token = (await world.systemKeys.ensureAdminKey())!;
  await keys.issue(admin, { name: "gone", grants: admin.grants });
  await sql`delete from functions.secrets where namespace = 'gone'`;
  await sql`delete from functions.heads where namespace = 'gone'`;
  await sql`delete from functions.service_keys where name = 'gone'`;
  const verification = verificationOf(world);
  assertEquals((await problemsOf(verification)).length, 3);
  await assertCode("INTEGRITY_VIOLATION", () => auth.authenticate(token));
  const keep = { discard: false };
  const { accepted } = await verification.accept(admin, "@namespaces", keep);
  assertEquals(accepted, 6);
  assertEquals(await verification.accept(admin, "@service_keys", keep), {
    accepted: 1,
    discarded: 0,
  });
  assertEquals(await problemsOf(verification), []);
  const other = await restarted(world);
  assertEquals((await other.auth.authenticate(token)).grants.length, 1);
  assertEquals(await injected(other, "gone"), {});
  // Made anew, it goes on after the records of its former life.
  await other.vault.create(admin, ref("A", "gone"), { value: text("back") });
  assertEquals(await problemsOf(verificationOf(other)), []);
  await assertCode("NOT_FOUND", () => verification.accept(admin, "@other", keep));
  await assertCode(
    "ACCESS_DENIED",
    () => verification.accept({ ...admin, grants: [] }, "prod", keep),
  );
});

test("what keeps everybody out is accepted at the start", async (world) => {
  const { keys, ring, vault, database: { sql } } = world;
  const token = (await world.systemKeys.ensureAdminKey())!;
  await keys.issue(admin, { name: "gone", grants: admin.grants });
  await vault.create(admin, ref("A", "prod"), { value: text("prod") });
  await sql`delete from functions.service_keys where name = 'gone'`;
  await sql`delete from functions.heads where namespace = '@namespaces'`;
  await assertCode("INTEGRITY_VIOLATION", () => restarted(world));
  const log = createLog({ write: () => {} });
  await acceptAtStart(["@namespaces", "@service_keys"], { sql, ring, log });
  const other = await restarted(world);
  await other.auth.authenticate(token);
  assertEquals(await injected(other, "prod"), { FLUXBASE_SECRET_A: "prod" });
  assertEquals(await problemsOf(verificationOf(other)), []);
});

/** Makes the database what a release without heads has left behind. */
async function withoutHeads({ ring, database: { sql } }: World): Promise<void> {
  for await (const rows of scanSecrets(sql)) {
    for (const row of rows) {
      const mac = ring.mac(
        "row",
        canonical("fluxbase/row/secret/v1", [
          row.id,
          row.scope,
          row.namespace,
          row.name,
          row.description,
          row.version,
          row.expiresAt,
          row.createdAt,
          row.updatedAt,
          row.createdBy,
          row.updatedBy,
          row.deletedAt,
        ]),
      );
      await sql`update functions.secrets set mac = ${mac} where id = ${row.id}::uuid`;
    }
  }
  await sql`delete from functions.heads`;
  await sql`delete from app.audit`;
}

test("a database from before there were heads is adopted, once", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("global") });
  await vault.create(admin, ref("A", "prod"), { value: text("prod") });
  await vault.create(admin, ref("B", "prod"), { value: text("gone") });
  await vault.delete(admin, ref("B", "prod"));
  await withoutHeads(world);
  assertEquals(await ensureHeads(world.database.sql, world.ring), 3);
  const other = await restarted(world);
  assertEquals(await injected(other, "prod"), { FLUXBASE_SECRET_A: "prod" });
  assertEquals(await problemsOf(verificationOf(other)), []);
  assertEquals(await ensureHeads(world.database.sql, world.ring), 0);
  // Who takes the heads away again doesn't get another adoption.
  await world.database.sql`delete from functions.heads`;
  await assertCode("INTEGRITY_VIOLATION", () => restarted(world));
});
