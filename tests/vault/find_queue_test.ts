/** Reads that come together share statements, and nothing else. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import type { Sql } from "../../lib/store/sql.ts";
import type { SecretLocator } from "../../lib/store/secrets.ts";
import { FindQueue } from "../../lib/vault/find_queue.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { admin, ref, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();

/** The database, with a look at each statement and a hold on its answer. */
function watched(sql: Sql, onQuery: (text: string) => Promise<void> | void): Sql {
  return Object.assign(sql.bind(null), sql, {
    query: async (text: string, values: Parameters<Sql["query"]>[1]) => {
      const rows = await sql.query(text, values);
      await onQuery(text);
      return rows;
    },
  }) as Sql;
}

const create = (vault: Vault, name: string, namespace?: string) =>
  vault.create(admin, ref(name, namespace), {
    value: Plaintext.fromText("x"),
    description: `${name} of ${namespace ?? "all"}`,
  });

async function fill({ vault }: World): Promise<SecretLocator[]> {
  const locators: SecretLocator[] = [];
  for (const namespace of [undefined, "prod", "staging"]) {
    for (const name of ["A", "B", "C"]) {
      const { secret } = await create(vault, name, namespace);
      locators.push(ref(name, namespace), { id: secret.id });
    }
  }
  return locators;
}

test("each of 1,080 who ask at once gets the secret it asked for, in few statements", async (world) => {
  const locators = await fill(world);
  let statements = 0;
  const vault = new Vault({ ...world, sql: watched(world.database.sql, () => void statements++) });
  const asked = Array.from({ length: 60 }, () => locators).flat();
  const found = await Promise.all(asked.map((locator) => vault.find(admin, locator)));
  for (const [i, secret] of found.entries()) {
    const locator = asked[i]!;
    if ("id" in locator) assertEquals(secret.id, locator.id);
    else assertEquals([secret.namespace, secret.name], [locator.namespace, locator.name]);
    assertEquals(secret.description, `${secret.name} of ${secret.namespace ?? "all"}`);
  }
  assert(statements <= asked.length / 16, `${statements} statements`);
});

test("whoever asks for what isn't there is told so, and the others get theirs", async (world) => {
  const [found] = await fill(world);
  const gone = await create(world.vault, "GONE");
  await world.vault.delete(admin, ref("GONE"));
  const asked = [found!, ref("NONE"), ref("GONE"), { id: gone.secret.id }, found!, ref("A", "dev")];
  const outcomes = await Promise.allSettled(asked.map((one) => world.vault.find(admin, one)));
  assertEquals(
    outcomes.map((one) => one.status === "fulfilled" ? one.value.name : one.reason.code),
    ["A", "SECRET_NOT_FOUND", "SECRET_NOT_FOUND", "SECRET_NOT_FOUND", "A", "SECRET_NOT_FOUND"],
  );
});

test("nobody is answered from a statement that was sent before they asked", async (world) => {
  await create(world.vault, "A");
  const answered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let statements = 0;
  const finds = new FindQueue(watched(world.database.sql, () => {
    if (++statements === 2) answered.resolve();
    return statements <= 2 ? release.promise : undefined;
  }));
  // As many as are under way at once; their answers are read, and held.
  const before = [finds.find(ref("A")), finds.find(ref("A"))];
  await answered.promise;
  await world.vault.update(admin, ref("A"), { value: Plaintext.fromText("new") });
  const after = finds.find(ref("A"));
  release.resolve();
  assertEquals((await Promise.all(before)).map((row) => row?.version), [1, 1]);
  assertEquals((await after)?.version, 2);
});

test("a row that was tampered with fails those who ask for it, and no one beside them", async (world) => {
  await fill(world);
  await world.database.sql`update functions.secrets set description = 'x' where name = 'B'`;
  const vault = new Vault({ ...world, sql: world.database.sql });
  const outcomes = await Promise.allSettled(
    ["A", "A", "A", "B", "C", "B"].map((name) => vault.find(admin, ref(name, "prod"))),
  );
  assertEquals(
    outcomes.map((one) => one.status === "fulfilled" ? one.value.name : one.reason.code),
    ["A", "A", "A", "INTEGRITY_VIOLATION", "C", "INTEGRITY_VIOLATION"],
  );
});

test("a statement that fails fails those who share it; the next one is another try", async (world) => {
  await create(world.vault, "A");
  const refusal = new RangeError("no");
  let statements = 0;
  const finds = new FindQueue(watched(world.database.sql, () => {
    if (++statements <= 3) throw refusal;
  }));
  // Two statements with one each, and a third that is shared.
  const all = await Promise.allSettled([1, 2, 3, 4, 5].map(() => finds.find(ref("A"))));
  assertEquals(all.map((one) => one.status === "rejected" && one.reason), Array(5).fill(refusal));
  assertEquals(statements, 3);
  assertEquals((await finds.find(ref("A")))?.name, "A");
});

test("whoever has waited too long is sent away, and the next are served", async (world) => {
  await create(world.vault, "A");
  const release = Promise.withResolvers<void>();
  const finds = new FindQueue(watched(world.database.sql, () => release.promise), 50);
  const served = [finds.find(ref("A")), finds.find(ref("A"))];
  const late = finds.find(ref("A"));
  const start = performance.now();
  while (performance.now() - start < 60);
  release.resolve();
  const error = await assertRejects(() => late, AppError);
  assertEquals(error.code, "STORE_UNAVAILABLE");
  assertEquals((await Promise.all(served)).map((row) => row?.version), [1, 1]);
});
