import { assert, assertEquals, assertRejects } from "@std/assert";
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { actorOf } from "../../lib/audit/actor.ts";
import { exportRecords } from "../../lib/backup/export.ts";
import { checkBackup, writeLines } from "../../lib/backup/lines.ts";
import type { BackupRecord } from "../../lib/backup/records.ts";
import { decryptWith } from "../../lib/backup/cipher.ts";
import { AppError } from "../../lib/errors.ts";
import {
  type BackupWorld,
  bytesOf,
  contentsOf,
  fillRest,
  fillSchedules,
  fillSecrets,
  joinBackups,
  SCHEDULES,
  streamOf,
  valueOf,
} from "../support/backup_world.ts";
import { type TestDatabase, withDatabase } from "../support/databases.ts";
import { admin, emptyDatabase, injected } from "../support/world.ts";

const lock = { passphrase: "correct horse battery staple" };
const SECRETS = 300;
const VERSIONS = 5;

function withBackups(
  kind: TestDatabase["name"],
  work: (world: BackupWorld, opened: AsyncDisposableStack) => Promise<void>,
): Promise<void> {
  return withDatabase(kind, async (database) => {
    await using opened = new AsyncDisposableStack();
    await work(await joinBackups(database, opened), opened);
  });
}

async function isEmpty({ database: { sql } }: BackupWorld): Promise<boolean> {
  const [row] = await sql<{ rows: number }>`select (select count(*) from functions.secrets)
    + (select count(*) from functions.secret_versions) + (select count(*) from app.settings)
    + (select count(*) from functions.service_keys) + (select count(*) from functions.deployments)
    + (select count(*) from functions.code_blobs) + (select count(*) from functions.job_schedules)
    + (select count(*) from pgboss.schedule)
    + (select count(*) from functions.heads where namespace not like '@%') as rows`;
  return row!.rows === 0;
}

Deno.test("Backups carry everything into the other database under another root, or refuse", async (t) => {
  await withBackups("embedded", async (from, opened) => {
    const source = from.database;
    await fillSecrets(from, SECRETS, VERSIONS);
    await fillRest(from);
    const identity = await generateIdentity();
    const keys = { identities: [identity] };
    const forKey = { recipients: [await identityToRecipient(identity)] };
    const file = await bytesOf(await from.backups.create(admin, forKey));

    await t.step("nothing is readable in the file", () => {
      const text = new TextDecoder("latin1").decode(file);
      for (const word of ["canary", "SECRET_1", "production", "mail", "fluxbase"]) {
        assert(!text.includes(word), word);
      }
    });

    await t.step("verify counts what is in it", async () => {
      const { counts } = await checkBackup(await decryptWith(keys, streamOf(file)));
      assertEquals([counts.secret, counts.version], [SECRETS, SECRETS * VERSIONS]);
      assertEquals([counts.setting, counts.serviceKey, counts.deployment], [2, 1, 2]);
      assertEquals(counts.schedule, SCHEDULES.length);
    });

    await withBackups("postgres", async (to) => {
      await t.step("a wrong passphrase is refused, and nothing written", async () => {
        const locked = await sealed("{}");
        await refused(() =>
          to.backups.restore(admin, { passphrase: "x".repeat(20) }, streamOf(locked))
        );
        assert(await isEmpty(to));
      });

      await t.step(
        "a changed bit, a cut and an addition are refused, and nothing written",
        async () => {
          for (const bad of spoilt(file)) {
            await refused(() => to.backups.restore(admin, keys, streamOf(bad)));
            assert(await isEmpty(to));
          }
        },
      );

      await t.step("what whoever holds the passphrase left out is refused", async () => {
        const plain = await bytesOf(await decryptWith(keys, streamOf(file)));
        const lines = new TextDecoder().decode(plain).split("\n");
        const cut = lines.filter((_, i) => i !== 7).join("\n");
        await refused(async () => to.backups.restore(admin, lock, streamOf(await sealed(cut))));
        await refused(async () =>
          to.backups.restore(
            admin,
            lock,
            streamOf(await sealed(lines.slice(0, -2).join("\n") + "\n")),
          )
        );
        assert(await isEmpty(to));
      });

      await t.step("a value that nobody could have set is refused", async () => {
        // A variable can't hold a NUL, so no function of its scope would start.
        for (const value of ["", "a\0b", "x".repeat(64 * 1024 + 1)]) {
          const bad = await sealed(await fileWith(value));
          const error = await assertRejects(
            () => to.backups.restore(admin, lock, streamOf(bad)),
            AppError,
          );
          assertEquals(error.code, "INVALID_INPUT");
          assert(await isEmpty(to));
        }
      });

      await t.step("the whole one comes, value by value", async () => {
        const counts = await to.backups.restore(admin, keys, streamOf(file));
        assertEquals(counts.version, SECRETS * VERSIONS);
        assertEquals(await contentsOf(to), await contentsOf(from));
        const got = await injected(to, "production");
        assertEquals(got.FLUXBASE_SECRET_SECRET_1 ?? got.SECRET_1, valueOf("SECRET_1", VERSIONS));
      });

      await t.step("its service keys are revoked", async () => {
        const [row] = await to.database.sql<{ all: number; live: number }>`
          select count(*) as all, count(*) filter (where revoked_at is null) as live
          from functions.service_keys`;
        assertEquals([row!.all, row!.live], [1, 0]);
      });

      await t.step("a database that has something is refused", async () => {
        const error = await assertRejects(
          () => to.backups.restore(admin, keys, streamOf(file)),
          AppError,
        );
        assertEquals(error.code, "CONFLICT");
      });

      await t.step("it goes on as any other, and back into the first kind", async () => {
        await to.vault.create(admin, { namespace: null, name: "AFTER" as never }, {
          value: (await import("../../lib/crypto/plaintext.ts")).Plaintext.fromText("later"),
        });
        const again = await bytesOf(await to.backups.create(admin, forKey));
        const expected = await contentsOf(to);
        await emptyDatabase(source);
        await source.sql`truncate app.settings`;
        const back = await joinBackups(source, opened);
        await back.backups.restore(admin, keys, streamOf(again));
        assertEquals(await contentsOf(back), expected);
      });
      assertEquals([...from.broken, ...to.broken], []);
    });
  });
});

Deno.test("Backups.create() locks for age recipients and opens with their identity", async () => {
  await withBackups("embedded", async (world) => {
    await fillSecrets(world, 3, 2);
    const identity = await generateIdentity();
    const recipients = [await identityToRecipient(identity)];
    const file = await bytesOf(await world.backups.create(admin, { recipients }));
    const { counts } = await checkBackup(
      await decryptWith({ identities: [identity] }, streamOf(file)),
    );
    assertEquals(counts.version, 6);
    const other = await generateIdentity();
    await refused(() => decryptWith({ identities: [other] }, streamOf(file)));
  });
});

Deno.test("Passphrases are those of the age format, both ways", async () => {
  await withBackups("embedded", async (world) => {
    const file = await bytesOf(await world.backups.create(admin, lock));
    const decrypter = new Decrypter();
    decrypter.addPassphrase(lock.passphrase);
    assert((await decrypter.decrypt(file, "text")).startsWith('{"format":"fluxbase-backup"'));
    const encrypter = new Encrypter();
    encrypter.setPassphrase(lock.passphrase);
    encrypter.setScryptWorkFactor(12);
    const theirs = await encrypter.encrypt("hello");
    const opened = await bytesOf(await decryptWith(lock, streamOf(theirs)));
    assertEquals(new TextDecoder().decode(opened), "hello");
  });
});

Deno.test("Backups.create() breaks off at what was tampered with", async () => {
  await withBackups("postgres", async (world) => {
    await fillSecrets(world, 6, 1);
    await world.database.sql`delete from functions.secrets where name = 'SECRET_1'`;
    await assertRejects(async () => bytesOf(await world.backups.create(admin, lock)));
    assertEquals((world.broken[0] as AppError).code, "INTEGRITY_VIOLATION");
  });
});

Deno.test("Backups.restore() takes a file of the format before schedules, and no newer one", async (t) => {
  const old = await Deno.readTextFile(new URL("../vectors/backup_v1.jsonl", import.meta.url));
  for (const kind of ["embedded", "postgres"] as const) {
    await withBackups(kind, async (world) => {
      const restore = async (text: string) =>
        await world.backups.restore(admin, lock, streamOf(await sealed(text)));
      await t.step(`one that says another version than its own is refused (${kind})`, async () => {
        for (const version of [0, 2, 3, "1", null]) {
          const changed = old.replace('"version":1,', `"version":${JSON.stringify(version)},`);
          await refused(() => restore(changed));
        }
        assert(await isEmpty(world));
      });
      await t.step(`the old one comes (${kind})`, async () => {
        const counts = await restore(old);
        assertEquals([counts.secret, counts.version, counts.setting], [3, 6, 2]);
        assertEquals([counts.deploymentVersion, counts.schedule], [1, 0]);
        const got = await injected(world, "production");
        assertEquals(got.FLUXBASE_SECRET_SECRET_1 ?? got.SECRET_1, valueOf("SECRET_1", 2));
      });
    });
  }
});

Deno.test("Backups.restore() refuses schedules that can't be, and writes nothing", async (t) => {
  await withBackups("embedded", async (world) => {
    await fillSchedules(world);
    const records = await recordsOf(world);
    const good = records.find(({ kind }) => kind === "schedule")!;
    await emptyDatabase(world.database);
    await world.database.sql`delete from pgboss.schedule`;
    await withBackups("postgres", async (to) => {
      const restore = async (changed: object) => {
        const bad = { kind: "schedule", data: { ...good.data, ...changed } } as BackupRecord;
        const text = writeLines({ createdAt: new Date() }, ReadableStream.from([[good, bad]]));
        const plain = await bytesOf(ReadableStream.from(text));
        const file = await sealed(new TextDecoder().decode(plain));
        return await to.backups.restore(admin, lock, streamOf(file));
      };
      const wrong = {
        "it comes twice": [{}, "comes twice"],
        "no job is called so": [{ name: "a/b" }, "no job that could be"],
        "no namespace is called so": [{ namespace: "-" }, "amespace"],
        "the expression is none": [{ name: "b", cron: "* *" }, "cron must have five fields"],
        "the time zone is none": [{ name: "b", timezone: "Mars/Phobos" }, "IANA time zone"],
        "the payload is not JSON": [{ name: "b", payload: "{" }, "not JSON"],
      } as const;
      for (const [name, [changed, message]] of Object.entries(wrong)) {
        await t.step(name, async () => {
          const error = await assertRejects(() => restore(changed), AppError);
          assertEquals([error.code, error.message.includes(message)], ["INVALID_INPUT", true]);
          assert(await isEmpty(to));
        });
      }
      await t.step("another one comes, and is followed", async () => {
        assertEquals((await restore({ name: "b" })).schedule, 2);
        const planned = await to.database.sql`select key, cron, timezone from pgboss.schedule
          order by key`;
        const { cron, timezone } = SCHEDULES[0];
        assertEquals(planned.map((row) => ({ ...row })), [
          { key: "-/b", cron, timezone },
          { key: "-/hello", cron, timezone },
        ]);
        const due = await to.jobs.schedules.due("-/b");
        assertEquals([due?.payload, due?.principal], [SCHEDULES[0].payload, admin.id]);
      });
    });
  });
});

Deno.test("Backups.create() breaks off at a schedule that was changed, removed or put back", async (t) => {
  await withBackups("postgres", async (world) => {
    const { sql } = world.database;
    const forKey = { recipients: [await identityToRecipient(await generateIdentity())] };
    await fillSchedules(world);
    await sql`create table kept as select * from functions.job_schedules`;
    const attacks = {
      changed: () => sql`update functions.job_schedules set cron = '* * * * *'`,
      removed: () => sql`delete from functions.job_schedules where namespace is not null`,
    };
    for (const [name, attack] of Object.entries(attacks)) {
      await t.step(name, async () => {
        await attack();
        await assertRejects(async () => bytesOf(await world.backups.create(admin, forKey)));
        assertEquals((world.broken.pop() as AppError).code, "INTEGRITY_VIOLATION");
        await sql`delete from functions.job_schedules`;
        await sql`insert into functions.job_schedules select * from kept`;
      });
    }
    await t.step("and not at what is as it was written", async () => {
      assert((await bytesOf(await world.backups.create(admin, forKey))).length > 0);
      assertEquals(world.broken, []);
    });
    await t.step("put back after its removal", async () => {
      const place = { name: "hello", namespace: null };
      await world.jobs.schedules.remove(place, actorOf(admin));
      await sql`insert into functions.job_schedules select * from kept where namespace is null`;
      await assertRejects(async () => bytesOf(await world.backups.create(admin, forKey)));
      assertEquals((world.broken.pop() as AppError).code, "INTEGRITY_VIOLATION");
    });
  });
});

Deno.test("Backups are for those who may do everything", async () => {
  await withBackups("embedded", async ({ backups }) => {
    const grants = [{ actions: ["keys:admin", "secrets:read"], namespaces: ["*"], names: ["*"] }];
    const some = { ...admin, grants } as typeof admin;
    for (
      const work of [
        () => backups.create(some, lock),
        () => backups.restore(some, lock, streamOf(new Uint8Array(3))),
      ]
    ) {
      assertEquals((await assertRejects(work, AppError)).code, "ACCESS_DENIED");
    }
  });
});

/** Every part of the file: header, stanza, MAC, first, middle and last chunk. */
function* spoilt(file: Uint8Array): Generator<Uint8Array> {
  const positions = [0, 30, 60, 120, 170, 200, Math.floor(file.length / 3)];
  positions.push(
    Math.floor(file.length / 2),
    Math.floor(file.length * 0.9),
    file.length - 17,
    file.length - 1,
  );
  for (const at of positions) {
    const bad = file.slice();
    bad[at]! ^= 1 << (at % 8);
    yield bad;
  }
  yield file.slice(0, file.length - 1);
  yield file.slice(0, 200);
  const longer = new Uint8Array(file.length + 1);
  longer.set(file);
  yield longer;
}

/** Every record that a backup of this world holds. */
async function recordsOf({ database: { sql }, ring }: BackupWorld): Promise<BackupRecord[]> {
  const records: BackupRecord[] = [];
  for await (const batch of exportRecords(sql, ring)) records.push(...batch);
  return records;
}

async function sealed(text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(lock.passphrase);
  encrypter.setScryptWorkFactor(10);
  return await encrypter.encrypt(text);
}

/** A backup's lines with one secret of this value, their counts and sums as they should be. */
async function fileWith(value: string): Promise<string> {
  const [id, at] = [crypto.randomUUID(), new Date()];
  const common = { id, version: 1, created_at: at, created_by: null };
  const lines = writeLines({ createdAt: at }, records());
  return new TextDecoder().decode(await new Response(ReadableStream.from(lines)).bytes());

  async function* records(): AsyncGenerator<BackupRecord[]> {
    const rest = { expires_at: null, updated_at: at, updated_by: null, deleted_at: null };
    const kept = { oldest_version: 1, absences: "[]", description: null };
    const place = { namespace: null, name: "A" };
    yield [{ kind: "secret", data: { ...common, ...rest, ...kept, ...place } }];
    yield [{
      kind: "version",
      data: { ...common, id: crypto.randomUUID(), secret_id: id, value },
    }];
  }
}

async function refused(work: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(work, AppError);
  assertEquals(error.code, "INVALID_INPUT");
  assert(error.message.startsWith("The backup is refused"), error.message);
}
