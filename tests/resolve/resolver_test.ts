import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { generateWrappedKeys, openKeyRing, type WrappedKey } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import { environmentSecrets } from "../../lib/resolve/precedence.ts";
import { Resolver, type SecretSource, type StaleEvent } from "../../lib/resolve/resolver.ts";
import { listDataKeys } from "../../lib/store/data_keys.ts";
import { StoredSecretSource } from "../../lib/store/secret_source.ts";
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

/** A source over a real database that counts, and fails when told to. */
class CountingSource implements SecretSource {
  loads = 0;
  checks = 0;
  outage = false;
  readonly #source: StoredSecretSource;

  constructor(world: World) {
    this.#source = new StoredSecretSource(world.database.sql);
  }

  load(namespace: Parameters<SecretSource["load"]>[0]) {
    this.loads++;
    return this.outage ? Promise.reject(unavailable()) : this.#source.load(namespace);
  }

  registry() {
    return this.outage ? Promise.reject(unavailable()) : this.#source.registry();
  }

  places() {
    return this.outage ? Promise.reject(unavailable()) : this.#source.places();
  }

  revision(namespace: Parameters<SecretSource["revision"]>[0]) {
    this.checks++;
    return this.outage ? Promise.reject(unavailable()) : this.#source.revision(namespace);
  }
}

function unavailable(): AppError {
  return new AppError("STORE_UNAVAILABLE", "The database cannot be reached");
}

test("resolve() merges environment, namespace and global, and names the sources", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("global-a") });
  await vault.create(admin, ref("B"), { value: text("global-b") });
  await vault.create(admin, ref("A", "prod"), { value: text("prod-a") });
  await vault.update(admin, ref("A", "prod"), { value: text("prod-a2") });
  await vault.create(admin, ref("C", "dev"), { value: text("dev-c") });
  assertEquals(await injected(world), {
    FLUXBASE_SECRET_A: "global-a",
    FLUXBASE_SECRET_B: "global-b",
  });
  assertEquals(await injected(world, "prod"), {
    FLUXBASE_SECRET_A: "prod-a2",
    FLUXBASE_SECRET_B: "global-b",
  });
  const environment = environmentSecrets({
    FLUXBASE_SECRET_B: "from-env",
    FLUXBASE_SECRET_D: "env-d",
  });
  const other = await joinWorld(world.database, { roots: world.roots, resolver: { environment } });
  assertEquals(await injected(other, "prod"), {
    FLUXBASE_SECRET_A: "prod-a2",
    FLUXBASE_SECRET_B: "from-env",
    FLUXBASE_SECRET_D: "env-d",
  });
  const { sources } = await other.resolver.resolve(ref("A", "prod").namespace);
  assertEquals(sources, [
    { name: ref("A").name, scope: "namespace", version: 2 },
    { name: ref("B").name, scope: "environment", version: null },
    { name: ref("D").name, scope: "environment", version: null },
  ]);
});

test("an expired namespace secret is absent and the global one doesn't show", async (world) => {
  const { vault } = world;
  await vault.create(admin, ref("A"), { value: text("global-a") });
  await vault.create(admin, ref("A", "prod"), { value: text("prod-a"), expiresAt: new Date(1) });
  assertEquals(await injected(world, "prod"), {});
  await vault.update(admin, ref("A", "prod"), { expiresAt: null });
  assertEquals(await injected(world, "prod"), { FLUXBASE_SECRET_A: "prod-a" });
});

test("a secret that expires while it is held is absent from the next call", async (world) => {
  let now = 1_000_000;
  const clock = { wall: () => now, monotonic: () => now };
  const source = new CountingSource(world);
  const resolver = new Resolver(source, world.ring, { freshMs: Infinity, clock });
  await world.vault.create(admin, ref("A"), {
    value: text("value-1"),
    expiresAt: new Date(now + 10),
  });
  assertEquals((await resolver.resolve(null)).validUntil, now + 10);
  now += 9;
  assertEquals(resolver.cached(null)?.env.size, 1);
  now += 1;
  assertEquals(resolver.cached(null), undefined);
  assertEquals((await resolver.resolve(null)).env.size, 0);
});

test("equal values have equal digests, and any difference another one", async (world) => {
  const { vault, resolver } = world;
  await vault.create(admin, ref("A"), { value: text("value-1") });
  const { digest } = await resolver.resolve(null);
  assertEquals((await resolver.resolve(ref("A", "prod").namespace)).digest, digest);
  await vault.update(admin, ref("A"), { value: text("value-2") });
  assertNotEquals((await resolver.resolve(null)).digest, digest);
  await vault.rollback(admin, ref("A"), 1);
  assertEquals((await resolver.resolve(null)).digest, digest);
  await vault.create(admin, ref("B"), { value: text("value-1") });
  assertNotEquals((await resolver.resolve(null)).digest, digest);
});

test("a warm call makes no query; every kind of write makes the next one read", async (world) => {
  const source = new CountingSource(world);
  const resolver = new Resolver(source, world.ring, { freshMs: Infinity });
  const vault = (await joinWorld(world.database, { roots: world.roots })).vault;
  await vault.create(admin, ref("A"), { value: text("value-1") });
  const first = await resolver.resolve(null);
  assertEquals([resolver.cached(null), source.loads], [first, 1] as never);
  resolver.invalidate(ref("A", "prod").namespace);
  assertEquals(resolver.cached(null), first);
  resolver.invalidate(null);
  assertEquals(resolver.cached(null), undefined);
  const writes = [
    () => world.vault.update(admin, ref("A"), { value: text("value-2") }),
    () => world.vault.update(admin, ref("A"), { expiresAt: new Date(4e12) }),
    () => world.vault.rollback(admin, ref("A"), 1),
    () => world.vault.delete(admin, ref("A")),
    () => world.vault.create(admin, ref("A"), { value: text("value-3") }),
  ];
  for (const write of writes) {
    await injected(world, "prod");
    await write();
    assertEquals(world.resolver.cached(ref("A", "prod").namespace), undefined);
  }
});

test("a call that begins after a write was acknowledged sees it, under load", async (world) => {
  await world.vault.create(admin, ref("A"), { value: text("value-0000") });
  let acknowledged = 0;
  let done = false;
  const readers = Array.from({ length: 8 }, async () => {
    while (!done) {
      const least = acknowledged;
      const { FLUXBASE_SECRET_A: seen } = await injected(world, "prod");
      assertEquals(Number(seen!.slice(6)) >= least, true, `${seen} after ${least}`);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
  for (let i = 1; i <= 20; i++) {
    await world.vault.update(admin, ref("A"), {
      value: text(`value-${String(i).padStart(4, "0")}`),
    });
    acknowledged = i;
  }
  done = true;
  await Promise.all(readers);
});

test("with other writers a held injection is checked by revision and read when that changed", async (world) => {
  let now = 0;
  const clock = { wall: () => Date.now(), monotonic: () => now };
  const source = new CountingSource(world);
  const resolver = new Resolver(source, world.ring, { freshMs: 1_000, clock });
  await world.vault.create(admin, ref("A"), { value: text("value-1") });
  const first = await resolver.resolve(null);
  now = 1_000;
  assertEquals([await resolver.resolve(null), source.loads, source.checks], [first, 1, 1] as never);
  await world.vault.update(admin, ref("A"), { value: text("value-2") });
  now = 2_000;
  const second = await resolver.resolve(null);
  assertEquals(second.env.get("FLUXBASE_SECRET_A")?.reveal(), "value-2");
  assertEquals([source.loads, source.checks], [2, 2]);
});

test("during an outage what is held serves for a while and says so; then calls fail closed", async (world) => {
  let now = 0;
  const clock = { wall: () => Date.now(), monotonic: () => now };
  const source = new CountingSource(world);
  const events: StaleEvent[] = [];
  const resolver = new Resolver(source, world.ring, {
    freshMs: 1_000,
    maxStaleMs: 10_000,
    clock,
    onStale: (event) => events.push(event),
  });
  await world.vault.create(admin, ref("A", "prod"), { value: text("value-1") });
  const { namespace } = ref("A", "prod");
  const first = await resolver.resolve(namespace);
  source.outage = true;
  now = 5_000;
  assertEquals(await resolver.resolve(namespace), first);
  assertEquals(events, [{ namespace, ageMs: 5_000 }]);
  for (const [at, place] of [[5_000, null], [10_000, namespace]] as const) {
    now = at;
    const error = await assertRejects(() => resolver.resolve(place), AppError);
    assertEquals(error.code, "STORE_UNAVAILABLE");
  }
  source.outage = false;
  assertEquals((await resolver.resolve(namespace)).digest, first.digest);
});

const canary = "canary-41c9";
const tamperings: {
  name: string;
  sql: string;
  code: "INTEGRITY_VIOLATION" | "SECRET_UNREADABLE";
}[] = [
  {
    name: "envelopes swapped between rows",
    sql:
      `update functions.secret_versions v set envelope = o.envelope from functions.secret_versions o
      where o.secret_id <> v.secret_id and o.version = v.version`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "version pointer set back",
    sql: `update functions.secrets set version = 1 where name = 'A'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "version pointer set to nothing",
    sql: `update functions.secrets set version = 9 where name = 'A'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "current version removed",
    sql: `delete from functions.secret_versions where version = 2`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "expiry put off",
    sql: `update functions.secrets set expires_at = null where name = 'EXPIRED'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "expiry made infinite",
    sql: `update functions.secrets set expires_at = 'infinity' where name = 'EXPIRED'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "deleted secret revived",
    sql: `update functions.secrets set deleted_at = null where name = 'GONE'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "secret moved to the global scope",
    sql: `update functions.secrets set scope = 'global', namespace = null where name = 'OTHER'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "secret renamed",
    sql: `update functions.secrets set name = 'B' where name = 'A'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "MAC of another row",
    sql: `update functions.secrets s set mac = o.mac from functions.secrets o
      where s.name = 'A' and o.name = 'EXPIRED'`,
    code: "INTEGRITY_VIOLATION",
  },
  {
    name: "MAC emptied",
    sql: `update functions.secrets set mac = ''`,
    code: "INTEGRITY_VIOLATION",
  },
];

test("resolve() refuses every row that was changed from outside", async (world, _kind, t) => {
  const { vault, database, resolver } = world;
  await vault.create(admin, ref("A"), { value: text(`${canary}-1`) });
  await vault.update(admin, ref("A"), { value: text(`${canary}-2`) });
  await vault.create(admin, ref("EXPIRED"), { value: text(`${canary}-3`), expiresAt: new Date(1) });
  await vault.update(admin, ref("EXPIRED"), { value: text(`${canary}-4`) });
  await vault.create(admin, ref("GONE"), { value: text(`${canary}-5`) });
  await vault.delete(admin, ref("GONE"));
  await vault.create(admin, ref("OTHER", "dev"), { value: text(`${canary}-6`) });
  for (const { name, sql, code } of tamperings) {
    await t.step(name, async () => {
      const rollback = new Error("undo");
      await database.sql.transaction(async (tx) => {
        await tx.query(sql);
        const source = new StoredSecretSource(tx);
        const fresh = new Resolver(source, world.ring, { freshMs: Infinity });
        const error = await assertRejects(() => fresh.resolve(null), AppError);
        assertEquals([error.code, error.message.includes(canary)], [code, false], error.message);
        throw rollback;
      }).catch((error) => assertEquals(error, rollback));
    });
  }
  assertEquals((await resolver.resolve(null)).env.size, 1);
});

test("a value under a missing key fails the whole resolve and names secret and key", async (world) => {
  await world.vault.create(admin, ref("A", "prod"), { value: text(canary) });
  const [version] = await world.database.sql`select envelope from functions.secret_versions`;
  const keyId = (version!["envelope"] as Uint8Array).slice(1, 9).toHex();
  const stored = await listDataKeys(world.database.sql);
  const others = generateWrappedKeys(world.roots[0]!, new Date());
  const isValueKey = (key: WrappedKey) => key.purpose === "value";
  const ring = openKeyRing(world.roots, [
    ...stored.filter((key) => !isValueKey(key)),
    ...others.filter(isValueKey),
  ]);
  const resolver = new Resolver(new StoredSecretSource(world.database.sql), ring);
  const error = await assertRejects(() => resolver.resolve(ref("A", "prod").namespace), AppError);
  assertEquals(error.code, "SECRET_UNREADABLE");
  for (const part of ["A", "prod", keyId]) assertStringIncludes(error.message, part);
});
