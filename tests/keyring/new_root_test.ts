import { assert, assertEquals, assertRejects } from "@std/assert";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";
import { DataDir } from "../../lib/server/data_dir.ts";
import { findRoot, type FoundRoot } from "../../lib/server/root_keys.ts";
import { readConfig } from "../../lib/server/config.ts";
import type { Database } from "../../lib/store/sql.ts";
import { withDatabase } from "../support/databases.ts";
import { joinKeyWorld } from "../support/key_world.ts";
import { admin, injected, ref } from "../support/world.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";

const { keys } = readConfig({});

interface Given {
  readonly dataDir: DataDir;
  readonly database: Database;
  find(): Promise<FoundRoot>;
  ids(): Promise<string[]>;
}

function withRoot(work: (given: Given) => Promise<void>): Promise<void> {
  return withDatabase("embedded", async (database) => {
    const path = await Deno.makeTempDir();
    await Deno.chmod(path, 0o700);
    try {
      const dataDir = await DataDir.open(path);
      const find = () => findRoot(keys, dataDir, database, {});
      await work({
        dataDir,
        database,
        find,
        ids: async () => (await (await find()).provider.read()).map(({ id }) => id),
      });
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  });
}

Deno.test("a change of the root that ends at any step leaves a root that opens the ring", () =>
  withRoot(async ({ dataDir, database, find, ids }) => {
    const { provider, generated, renewal } = await find();
    assertEquals(generated, true);
    const first = await joinKeyWorld(database, provider);
    await first.vault.create(admin, ref("A"), { value: Plaintext.fromText("value-1") });
    const [old] = await ids();
    const opens = async () => {
      const world = await joinKeyWorld(database, (await find()).provider);
      assertEquals(await injected(world), { FLUXBASE_SECRET_A: "value-1" });
      return world;
    };

    await renewal!.begin();
    const [next, second] = await ids();
    assertEquals(second, old);
    assertEquals((await Deno.stat(dataDir.file("root.key"))).mode! & 0o777, 0o600);
    // Killed here; begun once more, it goes on with the key that it made.
    const world = await opens();
    await (await find()).renewal!.begin();
    assertEquals(await ids(), [next, old]);

    await world.ringAdmin.rewrap();
    // Killed here.
    await opens();
    await renewal!.end();
    assertEquals(await ids(), [next]);
    await opens();
    const kept = (await dataDir.readKey("root.key.old"))!;
    assertEquals(parseRootKeys(kept)[0]!.id, old);
    assertEquals([await renewal!.forget(), await renewal!.forget()], [true, false]);
  }));

Deno.test("a new root is not made in front of a key that can't stand in a list", () =>
  withRoot(async ({ dataDir, find, ids }) => {
    await dataDir.writeKey("root.key", "thirty-two,characters,with,comma");
    const { renewal } = await find();
    const before = await ids();
    const error = await assertRejects(() => renewal!.begin(), AppError);
    assertEquals(error.code, "CONFIG_INVALID");
    assertEquals(await ids(), before);
  }));

Deno.test("a root that is the operator's is not made here", () =>
  withRoot(async ({ dataDir, database }) => {
    const given = readConfig({ FLUXBASE_ENCRYPTION_KEY: generateRootKey().text });
    const { renewal, generated } = await findRoot(given.keys, dataDir, database, {});
    assertEquals([renewal, generated], [null, false]);
    assert(await dataDir.readKey("root.key") === null);
  }));
