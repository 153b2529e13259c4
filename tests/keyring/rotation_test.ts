import { assert, assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import { PURPOSES } from "../../lib/crypto/wrap.ts";
import type { Database } from "../../lib/store/sql.ts";
import { databases } from "../support/databases.ts";
import { joinKeyWorld, type KeyWorld, newRoot, provide } from "../support/key_world.ts";
import { admin, injected, ref } from "../support/world.ts";

const text = Plaintext.fromText;

/** Registers a test once for each kind of database, each time with an empty one. */
function testOver(
  name: string,
  work: (world: KeyWorld, database: Database) => Promise<void>,
): void {
  for (const kind of databases) {
    Deno.test(`${name} (${kind.name})`, async () => {
      const database = await kind.open();
      try {
        const world = await joinKeyWorld(database, provide(newRoot()));
        await work(world, database);
        assertEquals(world.problems, []);
      } finally {
        await database.close();
      }
    });
  }
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
