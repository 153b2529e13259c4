/** Several servers over one database, none of which hears of what the others do to the ring. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { KeyRing } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { localRoot } from "../../lib/keyring/root.ts";
import { AppError } from "../../lib/errors.ts";
import { KEYRING_CHANNEL } from "../../lib/store/data_keys.ts";
import type { Database } from "../../lib/store/sql.ts";
import {
  joinKeyWorld,
  type KeyWorld,
  newRoot,
  provide,
  testOnEmptyDatabases,
} from "../support/key_world.ts";
import { admin, injected, ref } from "../support/world.ts";

const text = Plaintext.fromText;
const A = ref("A", "prod");

const testOver = testOnEmptyDatabases();

async function pair(database: Database): Promise<[KeyWorld, KeyWorld]> {
  const provider = provide(newRoot());
  return [await joinKeyWorld(database, provider), await joinKeyWorld(database, provider)];
}

async function renew({ renewer }: KeyWorld): Promise<void> {
  renewer.wake();
  await renewer.settled();
}

function primaries(ring: KeyRing): string[] {
  return (["value", "row", "token", "digest"] as const).map((each) => ring.primaryId(each));
}

testOver("a key that isn't known yet is looked up, and no call fails", async (database) => {
  const [one, two] = await pair(database);
  await one.vault.create(admin, A, { value: text("value-1") });
  assertEquals(await injected(two, "prod"), { FLUXBASE_SECRET_A: "value-1" });
  await one.ringAdmin.rotate();
  await one.vault.update(admin, A, { value: text("value-2") });
  await one.vault.create(admin, ref("B", "new"), { value: text("value-3") });
  const { text: token } = await one.keys.issue(admin, { name: "ci", grants: [...admin.grants] });

  two.resolver.invalidate(null);
  assert(primaries(two.ring).every((id, i) => id !== primaries(one.ring)[i]));
  const [prod, fresh, who] = await Promise.all([
    injected(two, "prod"),
    injected(two, "new"),
    two.auth.authenticate(token),
  ]);
  assertEquals(prod, { FLUXBASE_SECRET_A: "value-2" });
  assertEquals(fresh, { FLUXBASE_SECRET_B: "value-3" });
  assertEquals(who.kind, "service_key");
  assertEquals(primaries(two.ring), primaries(one.ring));
  await two.vault.update(admin, A, { value: text("value-4") });
  one.resolver.invalidate(null);
  assertEquals(await injected(one, "prod"), { FLUXBASE_SECRET_A: "value-4" });
  assertEquals([...one.problems, ...two.problems], []);
});

testOver("a repeated request finds its answer after a rotation elsewhere", async (database) => {
  const [one, two] = await pair(database);
  await one.ringAdmin.rotate();
  const once = { idempotencyKey: "k-1" };
  const first = await one.vault.create(admin, A, { value: text("value-1") }, once);
  const again = await two.vault.create(admin, A, { value: text("value-1") }, once);
  assertEquals([first.replayed, again.replayed], [false, true]);
});

testOver("a rotation tells the other servers", async (database) => {
  const [one, two] = await pair(database);
  const heard = Promise.withResolvers<void>();
  const ear = await database.listen(
    KEYRING_CHANNEL,
    () => void two.keeper.reload().then(heard.resolve),
    () => {},
  );
  try {
    await one.ringAdmin.rotate(["value"]);
    await heard.promise;
    assertEquals(primaries(two.ring), primaries(one.ring));
  } finally {
    await ear.close();
  }
});

testOver("what is written under a key that was retired meanwhile is refused", async (database) => {
  const [one, two] = await pair(database);
  await one.vault.create(admin, A, { value: text("value-1") });
  await two.vault.update(admin, A, { description: "known here" });
  const old = one.ring.primaryId("value");
  await one.ringAdmin.rotate(["value"]);
  await renew(one);
  await one.ringAdmin.retire(old);

  // This one hasn't heard of anything, and seals under the key that is gone.
  assertEquals(two.ring.primaryId("value"), old);
  const late = () => two.vault.create(admin, ref("B", "prod"), { value: text("late") });
  const error = await assertRejects(late, AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
  await two.keeper.reload();
  await late();
  one.resolver.invalidate(null);
  assertEquals(await injected(one, "prod"), {
    FLUXBASE_SECRET_A: "value-1",
    FLUXBASE_SECRET_B: "late",
  });
});

testOver("a new root is taken by rewrapping, with old and new roots at once", async (database) => {
  const [old, next] = [newRoot(), newRoot()];
  const one = await joinKeyWorld(database, provide(old));
  const providers = provide(old);
  const two = await joinKeyWorld(database, providers);
  await one.vault.create(admin, A, { value: text("value-1") });
  const before = await database.sql`select envelope, mac from functions.secret_versions`;

  providers.roots.unshift(localRoot(next));
  assertEquals(await two.ringAdmin.rewrap(), { rootId: next.id, rewrapped: 4 });
  assertEquals(await two.ringAdmin.rewrap(), { rootId: next.id, rewrapped: 0 });
  assertEquals(await database.sql`select envelope, mac from functions.secret_versions`, before);

  // The one that holds the old root only goes on with the keys that it has.
  await one.keeper.reload();
  assertEquals(one.problems.map((error) => (error as AppError).code), ["KEY_RING_LOCKED"]);
  assert(!one.keeper.isBehind);
  await one.vault.update(admin, A, { value: text("value-2") });
  two.resolver.invalidate(null);
  assertEquals(await injected(two, "prod"), { FLUXBASE_SECRET_A: "value-2" });

  // A key that it can't have is another matter: then it says that it is not well.
  await two.ringAdmin.rotate();
  await two.vault.update(admin, A, { value: text("value-3") });
  one.resolver.invalidate(null);
  await assertRejects(() => injected(one, "prod"), AppError);
  assert(one.keeper.isBehind);

  const refused = await assertRejects(() => joinKeyWorld(database, provide(old)), AppError);
  assertEquals(refused.code, "KEY_RING_LOCKED");
  assertEquals(
    refused.message,
    `Key ring is sealed under root keys ${next.id}; held: ${old.id}`,
  );
  const three = await joinKeyWorld(database, provide(next));
  assertEquals(await injected(three, "prod"), { FLUXBASE_SECRET_A: "value-3" });
});

testOver("a key whose row was changed in the database is refused", async (database) => {
  const [one] = await pair(database);
  await one.ringAdmin.rotate(["value"]);
  const { sql } = database;
  const [key] = (await one.ringAdmin.list()).filter(({ status }) => status === "enabled");
  const changes: [string, string][] = [
    ["status = 'disabled'", "status = 'enabled'"],
    ["purpose = 'row'", "purpose = 'value'"],
    ["created_at = created_at + interval '1 s'", "created_at = created_at - interval '1 s'"],
    ["wrapped = wrapped || '\\x00'::bytea", "wrapped = substring(wrapped from 1 for 61)"],
  ];
  for (const [change, undo] of changes) {
    await sql.query(`update functions.data_keys set ${change} where id = $1`, [key!.id]);
    await one.keeper.reload();
    const problem = one.keeper.problem as AppError;
    assertEquals(problem.code, "INTEGRITY_VIOLATION", change);
    assert(problem.message.includes(key!.id), problem.message);
    assert(one.ring.knows(key!.id), "the ring from before stays");
    await sql.query(`update functions.data_keys set ${undo} where id = $1`, [key!.id]);
    await one.keeper.reload();
    assertEquals(one.keeper.problem, null);
  }
});
