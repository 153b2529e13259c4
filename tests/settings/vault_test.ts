import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import type { Grant, Principal } from "../../lib/principal/principal.ts";
import { MAX_SETTING_BYTES, MAX_SETTINGS } from "../../lib/settings/quota.ts";
import type { StartedSettings } from "../../lib/settings/start.ts";
import { revealed, settingRef, withSettings } from "../support/settings_world.ts";
import { until } from "../support/until.ts";
import { admin, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const ALICE = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const BOB = "auth0|bob ünïcode";
const text = (value: string) => ({ value: Plaintext.fromText(value) });

/** Registers a test over both databases with settings started. */
function over(
  name: string,
  work: (settings: StartedSettings, world: World) => Promise<void>,
): void {
  test(name, (world) => withSettings(world, (settings) => work(settings, world)));
}

async function assertCode(work: () => Promise<unknown>, code: string, part = ""): Promise<void> {
  const error = await assertRejects(work, AppError, part);
  assertEquals(error.code, code);
}

over("a setting is set, read, changed and deleted, in each scope by itself", async (settings) => {
  const { vault } = settings;
  for (const user of [undefined, ALICE, BOB]) {
    const ref = settingRef("ai.openai.key", user);
    const value = `first of ${user}`;
    const created = await vault.create(admin, ref, { ...text(value), description: "d" });
    assertEquals(created.setting.revision, 1);
    assertEquals(await revealed(settings, user ?? null), { AI_OPENAI_KEY: value });
    const changed = await vault.update(admin, ref, text(`second of ${user}`));
    assertEquals([changed.setting.revision, changed.setting.description], [2, "d"]);
    assertEquals((await revealed(settings, user ?? null)).AI_OPENAI_KEY, `second of ${user}`);
    const described = await vault.update(admin, ref, { description: "e" });
    assertEquals([described.setting.revision, described.setting.description], [3, "e"]);
    assertEquals((await revealed(settings, user ?? null)).AI_OPENAI_KEY, `second of ${user}`);
    assertEquals(await vault.find(admin, ref), described.setting);
    assertEquals((await vault.list(admin, ref.userId)).map(({ key }) => key), [ref.key]);
  }
  for (const user of [undefined, ALICE, BOB]) {
    const ref = settingRef("ai.openai.key", user);
    await vault.delete(admin, ref);
    await assertCode(() => vault.find(admin, ref), "NOT_FOUND");
    assertEquals(await revealed(settings, user ?? null), {});
    assertEquals(await vault.list(admin, ref.userId), []);
  }
});

over("keys that functions would see as one name cannot both be there", async ({ vault }) => {
  await vault.create(admin, settingRef("ai.openai.key"), text("secret"));
  for (const key of ["ai_openai_key", "AI.OPENAI.KEY", "Ai.openai_key"]) {
    const make = () => vault.create(admin, settingRef(key), text("secret"));
    await assertCode(make, "DUPLICATE_KEY", "AI_OPENAI_KEY");
  }
  const again = () => vault.create(admin, settingRef("ai.openai.key"), text("secret"));
  await assertCode(again, "DUPLICATE_KEY", "A secret setting with this key already exists");
  await vault.create(admin, settingRef("ai-openai-key"), text("secret"));
  await vault.create(admin, settingRef("ai_openai_key", ALICE), text("secret"));
});

over("a user's id in other capitals is the same user", async (settings) => {
  await settings.vault.create(admin, settingRef("k", ALICE.toUpperCase()), text("secret"));
  assertEquals(await revealed(settings, ALICE), { K: "secret" });
});

over("a write with If-Match holds only for the revision that is stored", async ({ vault }) => {
  const ref = settingRef("k");
  await vault.create(admin, ref, text("secret"));
  const stale = { ifMatch: [2] };
  await assertCode(() => vault.update(admin, ref, text("x"), stale), "PRECONDITION_FAILED");
  await assertCode(() => vault.delete(admin, ref, stale), "PRECONDITION_FAILED");
  await vault.update(admin, ref, text("secret"), { ifMatch: [1] });
  await vault.delete(admin, ref, stale);
});

over("a repeated request gets its answer again, and another one is refused", async ({ vault }) => {
  const ref = settingRef("k", ALICE);
  const options = { idempotencyKey: "one" };
  const make = () => vault.create(admin, ref, text("short"), options);
  const [first, second] = await Promise.all([make(), make()]);
  const replayed = { ...first, replayed: true };
  assertEquals([first.replayed, second.replayed].sort(), [false, true]);
  assertEquals(await make(), replayed);
  assertEquals(first.warnings.length, 1);
  const gone = await Promise.all(
    [1, 2].map(() => vault.delete(admin, ref, { idempotencyKey: "two" })),
  );
  assertEquals(gone.map(({ replayed }) => replayed).sort(), [false, true]);
  const other = () => vault.create(admin, settingRef("k", BOB), text("short"), options);
  await assertCode(other, "IDEMPOTENCY_KEY_REUSED");
});

over("writes at once leave one row that opens", async (settings) => {
  const { vault } = settings;
  const ref = settingRef("k");
  const made = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => vault.create(admin, ref, text(`created ${i}`))),
  );
  assertEquals(made.filter(({ status }) => status === "fulfilled").length, 1);
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => vault.update(admin, ref, text(`changed ${i}`))),
  );
  assertEquals((await vault.find(admin, ref)).revision, 9);
  assert((await revealed(settings, null)).K!.startsWith("changed"));
});

over("nobody can store more than there is room for", async ({ vault }) => {
  const large = text("x".repeat(64 * 1024));
  for (let i = 0; i < 3; i++) await vault.create(admin, settingRef(`large${i}`, ALICE), large);
  const most = MAX_SETTING_BYTES.user;
  const more = () => vault.create(admin, settingRef("large3", ALICE), large);
  await assertCode(more, "CONFLICT", `${most} bytes`);
  await vault.create(admin, settingRef("small", ALICE), text("x"));
  const grown = () => vault.update(admin, settingRef("small", ALICE), large);
  await assertCode(grown, "CONFLICT", `${most} bytes`);
  for (let i = 0; i < MAX_SETTINGS.user; i++) {
    await vault.create(admin, settingRef(`k${i}`, BOB), text("x"));
  }
  const another = () => vault.create(admin, settingRef("k", BOB), text("x"));
  await assertCode(another, "CONFLICT", `at most ${MAX_SETTINGS.user} settings`);
  await vault.update(admin, settingRef("k0", BOB), text("y"));
});

/** A principal with one grant, and perhaps a user. */
function holding(actions: Grant["actions"], at: Partial<Grant> & { userId?: string }): Principal {
  const { userId, namespaces = ["*"], names = ["*"] } = at;
  const grants = [{ actions, namespaces, names }];
  return { id: "p", kind: "user", grants, ...(userId !== undefined && { userId }) };
}

over("grants decide who may do what to whose settings", async ({ vault }) => {
  const system = settingRef("app.key");
  const own = settingRef("app.key", ALICE);
  const others = settingRef("app.key", BOB);
  for (const ref of [system, own, others]) await vault.create(admin, ref, text("secret"));
  const alice = holding(["settings:own"], { userId: ALICE });
  const system_writer = holding(["settings:write"], { namespaces: ["@global"] });
  const cases: [string, Principal, { ref: typeof own; may: string }[]][] = [
    ["a user", alice, [
      { ref: own, may: "list read write delete" },
      { ref: others, may: "" },
      { ref: system, may: "" },
    ]],
    ["a user of another kind of key", holding(["settings:own"], { userId: ALICE, names: ["x*"] }), [
      { ref: own, may: "list" },
    ]],
    ["a user without the grant", holding(["functions:invoke"], { userId: ALICE }), [
      { ref: own, may: "" },
    ]],
    ["a writer of the system's", system_writer, [
      { ref: system, may: "write" },
      { ref: own, may: "" },
    ]],
    ["an administrator of a namespace", holding(["*"], { namespaces: ["prod*"] }), [
      { ref: system, may: "" },
    ]],
    ["a reader of some keys", holding(["settings:read"], { names: ["other*"] }), [
      { ref: system, may: "" },
    ]],
    ["one who acts for users", holding(["settings:user"], {}), [
      { ref: own, may: "list read write delete" },
      { ref: system, may: "" },
    ]],
  ];
  for (const [who, principal, places] of cases) {
    for (const { ref, may } of places) {
      const tries = {
        list: () => vault.list(principal, ref.userId),
        read: () => vault.find(principal, ref),
        write: () => vault.update(principal, ref, text("secret")),
        delete: async () => {
          await vault.delete(principal, ref);
          await vault.create(admin, ref, text("secret"));
        },
      };
      for (const [action, attempt] of Object.entries(tries)) {
        const label = `${who}: ${action} ${ref.userId ?? "system"}`;
        if (may.split(" ").includes(action)) await attempt();
        else {assertEquals(
            (await assertRejects(attempt, AppError, "", label)).code,
            "ACCESS_DENIED",
          );}
      }
    }
  }
  assertEquals(
    await vault.list(holding(["settings:own"], { userId: ALICE, names: ["x*"] }), own.userId),
    [],
  );
});

over("what was changed behind the server's back is noticed", async (settings, { database }) => {
  const { vault, users } = settings;
  const { sql } = database;
  const reset = async () => {
    await sql`truncate app.settings`;
    await vault.create(admin, settingRef("k", ALICE), text("of alice"));
    await vault.create(admin, settingRef("k", BOB), text("of bob, longer"));
    await vault.create(admin, settingRef("k"), text("of the system"));
  };
  const copy = (columns: string) =>
    `update app.settings t set ${columns} from app.settings s
     where t.user_id = '${BOB}' and s.user_id = '${ALICE}'`;
  const cases: Record<string, string> = {
    "a row made another user's": `delete from app.settings where user_id = '${BOB}';
      update app.settings set user_id = '${BOB}' where user_id = '${ALICE}'`,
    "another user's value": copy("envelope = s.envelope"),
    "another user's value and MAC": copy("envelope = s.envelope, mac = s.mac"),
    "another user's value, id, MAC and times": `delete from app.settings where user_id = '${BOB}';
      insert into app.settings select id, key, scope, '${BOB}', description, revision, envelope,
        created_at, updated_at, created_by, updated_by, mac from app.settings
        where user_id = '${ALICE}';`.replace(
      "insert",
      `alter table app.settings drop constraint
        settings_pkey; insert`,
    ).replace(/;$/, "; "),
    "the system's value": `update app.settings t set envelope = s.envelope, mac = s.mac
      from app.settings s where t.user_id = '${BOB}' and s.user_id is null`,
    "another key": `update app.settings set key = 'other' where user_id = '${BOB}'`,
    "another revision": `update app.settings set revision = 2 where user_id = '${BOB}'`,
    "another description": `update app.settings set description = 'x' where user_id = '${BOB}'`,
    "another author": `update app.settings set updated_by = 'x' where user_id = '${BOB}'`,
  };
  for (const [name, change] of Object.entries(cases)) {
    await reset();
    await sql.script(change);
    users.invalidate(settingRef("k", BOB).userId);
    const code = "INTEGRITY_VIOLATION";
    const resolved = await assertRejects(() => revealed(settings, BOB), AppError, "", name);
    assertEquals(resolved.code, code, name);
    assert(!resolved.message.includes("bob"), "no user's id in a message");
    await assertCode(() => vault.list(admin, settingRef("k", BOB).userId), code);
  }
  await sql`truncate app.settings`;
  await sql`alter table app.settings add primary key (id)`;
});

over(
  "an old copy of a row is noticed by who has seen a newer one",
  async (settings, { database }) => {
    const { vault, users } = settings;
    const { sql } = database;
    const ref = settingRef("k", ALICE);
    await vault.create(admin, ref, text("the old value"));
    await sql.script("create table old_copy as select * from app.settings");
    const putBack = async () => {
      await sql.script("truncate app.settings; insert into app.settings select * from old_copy");
      users.invalidate(ref.userId);
      const error = await assertRejects(() => revealed(settings, ALICE), AppError);
      assertEquals(error.code, "INTEGRITY_VIOLATION");
      await vault.delete(admin, ref);
    };
    await vault.update(admin, ref, text("the new value"));
    assertEquals(await revealed(settings, ALICE), { K: "the new value" });
    await putBack();
    // Once it was seen to be gone, it can't come back at all; under another id it can.
    assertEquals(await revealed(settings, ALICE), {});
    await putBack();
    await vault.create(admin, ref, text("set again"));
    assertEquals(await revealed(settings, ALICE), { K: "set again" });
    await sql.script("drop table old_copy");
  },
);

over("a value opens for its user alone, whatever its row says", async (_settings, { ring }) => {
  const { openSetting, sealSetting, signSettingRow } = await import(
    "../../lib/resolve/setting_rows.ts"
  );
  const place = { id: crypto.randomUUID(), scope: "user" as const, revision: 1 };
  const of = (user: string) => ({ ...place, ...settingRef("k", user) });
  const times = { createdAt: new Date(), updatedAt: new Date(), createdBy: null, updatedBy: null };
  const envelope = sealSetting(ring, of(ALICE), Plaintext.fromText("secret"));
  const row = (user: string) =>
    signSettingRow(ring, { ...of(user), ...times, description: null, envelope });
  assertEquals(openSetting(ring, row(ALICE)).reveal(), "secret");
  await assertCode(
    () => Promise.resolve().then(() => openSetting(ring, row(BOB))),
    "SECRET_UNREADABLE",
  );
  assertNotEquals(envelope, sealSetting(ring, of(ALICE), Plaintext.fromText("secret")));
});

over("another server's write is heard of", async (settings, world) => {
  await withOther(world, async (other) => {
    const ref = settingRef("k", ALICE);
    assertEquals(await revealed(settings, ALICE), {});
    await other.vault.create(admin, ref, text("from elsewhere"));
    await until(
      "it is heard",
      async () => (await revealed(settings, ALICE)).K === "from elsewhere",
    );
  });
});

/** A second server over the same database. */
async function withOther(
  world: World,
  work: (other: StartedSettings) => Promise<void>,
): Promise<void> {
  const { startSettings } = await import("../../lib/settings/start.ts");
  const { database, ring, resolver } = world;
  const other = await startSettings({ database, ring, secrets: resolver, onStale: () => {} });
  try {
    await work(other);
  } finally {
    await other.close();
  }
}
