import { assertEquals } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { joinKeyWorld, newRoot, provide, testOnEmptyDatabases } from "../support/key_world.ts";
import { revealed, settingRef, withSettings } from "../support/settings_world.ts";
import { admin } from "../support/world.ts";

const test = testOnEmptyDatabases();

test("settings are sealed again under new keys, each user's under that user's own", async (database) => {
  const world = await joinKeyWorld(database, provide(newRoot()));
  await withSettings(world, async (settings) => {
    const users = [undefined, "ann", "bob"];
    for (const user of users) {
      const value = Plaintext.fromText(`value of ${user}`);
      await settings.vault.create(admin, settingRef("a.key", user), { value });
    }
    const old = (["value", "row"] as const).map((purpose) => world.ring.primaryId(purpose));
    await world.ringAdmin.rotate();
    world.renewer.wake();
    await world.renewer.settled();
    for (const id of old) await world.ringAdmin.retire(id);
    for (const user of users) {
      settings.users.invalidate(settingRef("a.key", user).userId);
      assertEquals(await revealed(settings, user ?? null), { A_KEY: `value of ${user}` });
    }
  });
  assertEquals(world.problems, []);
});
