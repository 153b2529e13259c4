import { assert, assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import { PURPOSES } from "../../lib/crypto/wrap.ts";
import type { RootProvider } from "../../lib/keyring/root.ts";
import { verifyRing } from "../../lib/keyring/verify_ring.ts";
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

const testOnDatabases = testOnEmptyDatabases();

function testOver(
  name: string,
  work: (world: KeyWorld, database: Database, provider: RootProvider) => Promise<void>,
): void {
  testOnDatabases(name, async (database) => {
    const provider = provide(newRoot());
    const world = await joinKeyWorld(database, provider);
    await work(world, database, provider);
    assertEquals(world.problems, []);
  });
}

/** What every table has under keys that aren't primary, but for what goes by itself. */
async function leftOver({ ringAdmin }: KeyWorld): Promise<Record<string, number>> {
  const keys = await ringAdmin.list();
  const old = keys.filter(({ status, uses }) => status !== "primary" && uses > 0);
  return Object.fromEntries(old.map(({ purpose, uses }) => [purpose, uses]));
}

async function renew({ renewer }: KeyWorld): Promise<void> {
  renewer.wake();
  await renewer.settled();
}

async function fill(world: KeyWorld): Promise<void> {
  const { vault, keys } = world;
  for (const place of [undefined, "prod", "test"]) {
    for (let i = 0; i < 8; i++) {
      const secret = ref(`S_${i}`, place);
      await vault.create(admin, secret, { value: text(`first of ${i}`) });
      await vault.update(admin, secret, { value: text(`second of ${i}`) });
    }
    await vault.delete(admin, ref("S_7", place));
  }
  await vault.create(admin, ref("ONCE", "empty"), { value: text("here and gone") });
  await vault.delete(admin, ref("ONCE", "empty"));
  await keys.issue(admin, { name: "ci", grants: [...admin.grants] });
}

testOver("rotate() makes new primary keys, and everything is sealed again", async (world) => {
  const { vault, ring, ringAdmin } = world;
  await fill(world);
  const before = new Map(PURPOSES.map((purpose) => [purpose, ring.primaryId(purpose)]));
  const made = await ringAdmin.rotate();
  assertEquals(made.map(({ purpose }) => purpose), [...PURPOSES]);
  for (const { purpose, id } of made) assertEquals(ring.primaryId(purpose), id);
  await renew(world);
  assertEquals(await leftOver(world), { token: 1 });
  for (const place of [undefined, "prod", "test"]) {
    const shown = await injected(world, place);
    assertEquals(Object.keys(shown).length, 7);
    for (let i = 0; i < 7; i++) assertEquals(shown[`FLUXBASE_SECRET_S_${i}`], `second of ${i}`);
    await vault.rollback(admin, ref("S_0", place), 1);
    assertEquals((await injected(world, place)).FLUXBASE_SECRET_S_0, "first of 0");
  }
  for (const purpose of ["value", "row", "digest"] as const) {
    await ringAdmin.retire(before.get(purpose)!);
    assert(!ring.knows(before.get(purpose)!));
  }
  world.resolver.invalidate(null);
  assertEquals((await injected(world)).FLUXBASE_SECRET_S_1, "second of 1");
  const destroyed = (await ringAdmin.list()).filter(({ destroyedAt }) => destroyedAt !== null);
  assertEquals(destroyed.map(({ wrapped }) => wrapped.length), [0, 0, 0]);
});

testOver("retire() refuses a key that is in use, with the number left", async (world) => {
  const { ring, ringAdmin } = world;
  await fill(world);
  const [value, row, token] = (["value", "row", "token"] as const).map((p) => ring.primaryId(p));
  const refused = async (id: string) => {
    const error = await assertRejects(() => ringAdmin.retire(id), AppError);
    assertEquals(error.code, "KEY_IN_USE");
    return error.message;
  };
  assert((await refused(value!)).includes("primary"));
  await ringAdmin.rotate();
  assertEquals(
    await refused(value!),
    `Key ${value} is in use: 49 left (49 in functions.secret_versions)`,
  );
  assert((await refused(row!)).includes("in functions.secrets"));
  await renew(world);
  assertEquals(
    await refused(token!),
    `Key ${token} is in use: 1 left (1 in functions.service_keys)`,
  );
  assertEquals((await injected(world)).FLUXBASE_SECRET_S_1, "second of 1");
});

testOver("a row that was changed from outside is not made genuine", async (world, database) => {
  const { ringAdmin, ring, renewer, vault } = world;
  const { sql } = database;
  for (const name of ["A", "B", "C"]) {
    await vault.create(admin, ref(name, "prod"), { value: text(`value of ${name}`) });
  }
  await sql`update functions.secrets set expires_at = now() + interval '1 year' where name = 'A'`;
  await sql`update functions.secret_versions v set created_by = 'somebody else'
    from functions.secrets s where s.id = v.secret_id and s.name = 'B'`;
  const old = new Set([ring.primaryId("value"), ring.primaryId("row")]);
  await ringAdmin.rotate();
  await renew(world);
  assert(renewer.state.damaged >= 2);
  const macs = await sql<{ name: string; id: string }>`
    select s.name || ' secret' as name, encode(substring(s.mac from 1 for 8), 'hex') as id
    from functions.secrets s
    union all select s.name || ' version', encode(substring(v.mac from 1 for 8), 'hex')
    from functions.secret_versions v join functions.secrets s on s.id = v.secret_id order by 1`;
  assertEquals(
    macs.filter(({ id }) => old.has(id)).map(({ name }) => name),
    ["A secret", "B version"],
  );
  for (const id of old) {
    const error = await assertRejects(() => ringAdmin.retire(id), AppError);
    assertEquals(error.code, "KEY_IN_USE");
  }
});

testOver(
  "a service key is stored anew under the newest token key when it is used",
  async (world) => {
    const { auth, keys, ring, ringAdmin, database, sealTokens } = world;
    const { text: token } = await keys.issue(admin, { name: "ci", grants: [...admin.grants] });
    await auth.authenticate(token);
    const old = ring.primaryId("token");
    await ringAdmin.rotate(["token"]);
    assertEquals((await assertRejects(() => ringAdmin.retire(old), AppError)).code, "KEY_IN_USE");
    const { kind } = await auth.authenticate(token);
    await sealTokens.settled();
    assertEquals(kind, "service_key");
    const [row] = await database.sql<{ id: string }>`
    select encode(substring(token_mac from 1 for 8), 'hex') as id from functions.service_keys`;
    assertEquals(row!.id, ring.primaryId("token"));
    await ringAdmin.retire(old);
    await auth.authenticate(token);
  },
);

testOver("a token key is free once the last key under it is revoked", async (world) => {
  const { keys, ring, ringAdmin } = world;
  const { key } = await keys.issue(admin, { name: "ci", grants: [...admin.grants] });
  const old = ring.primaryId("token");
  await ringAdmin.rotate(["token"]);
  await assertRejects(() => ringAdmin.retire(old), AppError);
  await keys.revoke(admin, key.id);
  await ringAdmin.retire(old);
});

testOver("keys are replaced by age and by the number of seals", async (world, database) => {
  const { ring, ringAdmin } = world;
  const limits = { maxAgeMs: 365 * 24 * 60 * 60 * 1_000, maxSeals: 10_000 };
  assertEquals(await ringAdmin.rotateIfDue(limits), []);
  await database.sql`update functions.data_keys set seals = 10000 where purpose = 'value'`;
  const [made, ...more] = await ringAdmin.rotateIfDue(limits);
  assertEquals([made!.purpose, more], ["value", []]);
  assertEquals(ring.primaryId("value"), made!.id);
  const aged = await ringAdmin.rotateIfDue({ ...limits, maxAgeMs: -1_000 });
  assertEquals(aged.map(({ purpose }) => purpose).sort(), ["digest", "row", "token", "value"]);
});

testOver(
  "two servers that find a key too old at once make one new one",
  async (world, database, provider) => {
    const other = await joinKeyWorld(database, provider);
    const limits = { maxAgeMs: -1_000, maxSeals: Infinity };
    const [one, two] = await Promise.all([
      world.ringAdmin.rotateIfDue(limits),
      other.ringAdmin.rotateIfDue(limits),
    ]);
    const keys = await world.ringAdmin.list();
    assertEquals(keys.filter(({ status }) => status === "primary").length, 4);
    // Each may have found some; a key that was made since is older than that at once.
    assert(one.length + two.length >= 4);
    await world.keeper.reload();
    assertEquals(
      await verifyRing(world.keeper, world.ringAdmin).then(({ problems }) => problems),
      [],
    );
  },
);
