import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { Authenticator } from "../../lib/auth/authenticator.ts";
import { EVERYTHING, type Grant, type Principal } from "../../lib/principal/principal.ts";
import {
  generateServiceKey,
  SERVICE_KEY_LENGTH,
  serviceKeyId,
} from "../../lib/auth/service_key_text.ts";
import { ServiceKeys } from "../../lib/auth/service_keys.ts";
import { assertCode } from "../support/assert_code.ts";
import { admin, joinWorld, testOverDatabases } from "../support/world.ts";

const test = testOverDatabases();

const deployer: Grant = {
  actions: ["secrets:write", "secrets:read"],
  namespaces: ["prod*"],
  names: ["*"],
};

Deno.test("a service key has its shape, and every typo in it is noticed", () => {
  const { id, text } = generateServiceKey();
  assertMatch(text, /^fxsk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
  assertEquals([text.length, serviceKeyId(text)], [SERVICE_KEY_LENGTH, id] as never);
  fc.assert(fc.property(
    fc.nat(SERVICE_KEY_LENGTH - 1),
    fc.constantFrom(..."abcXYZ019_-é\0 ".split("")),
    (at, other) => {
      const typo = text.slice(0, at) + other + text.slice(at + 1);
      assertEquals(serviceKeyId(typo), typo === text ? id : null);
    },
  ));
  for (const other of ["", text + "x", text.slice(1), ` ${text}`, `${text}\n`]) {
    assertEquals(serviceKeyId(other), null);
  }
});

test("ensureAdminKey() gives one key to one of many servers, once", async (world) => {
  const servers = await Promise.all(
    Array.from({ length: 5 }, () => joinWorld(world.database, { roots: world.roots })),
  );
  const texts = await Promise.all(servers.map(({ systemKeys }) => systemKeys.ensureAdminKey()));
  const made = texts.filter((text) => text !== undefined);
  assertEquals(made.length, 1);
  assertEquals((await world.auth.authenticate(made[0]!)).grants, [EVERYTHING]);
  const { keys: [only] } = await world.keys.list(admin);
  await world.keys.revoke(admin, only!.id);
  assertEquals(await world.systemKeys.ensureAdminKey(), undefined);
});

test("authenticate() knows a good key and nothing else", async (world) => {
  const { auth, keys } = world;
  const { key, text } = await keys.issue(admin, { name: "ci", grants: [deployer] });
  assertEquals(auth.cached(text), undefined);
  const principal = await auth.authenticate(text);
  const { id, expiresAt } = key;
  assertEquals(principal, {
    id,
    kind: "service_key",
    grants: [deployer],
    expiresAt: expiresAt!,
  });
  assertEquals(auth.cached(text), principal);
  const stranger = generateServiceKey().text;
  const ofSameId = Array.from({ length: 200 }, () => generateServiceKey())
    .map(({ text: other }) => text.slice(0, 14) + other.slice(14))
    .find((other) => other !== text)!;
  for (const bad of ["", "x", stranger, ofSameId, text.toUpperCase(), `${text}x`]) {
    assertEquals(auth.cached(bad), undefined);
    await assertCode("AUTHENTICATION_REQUIRED", () => auth.authenticate(bad));
  }
});

test("a key of a known id with another secret is refused, cached or not", async (world) => {
  const { auth, keys, database, ring } = world;
  const { text } = await keys.issue(admin, { name: "ci", grants: [deployer] });
  // The attacker knows the id and computes a right checksum: only the MAC stands in the way.
  let forged = text;
  while (forged === text || serviceKeyId(forged) === null) {
    const { text: other } = generateServiceKey();
    forged = await withChecksum(text.slice(0, 14) + other.slice(14, 58));
  }
  for (const each of [auth, new Authenticator({ sql: database.sql, ring })]) {
    await each.authenticate(text);
    assertEquals(each.cached(forged), undefined);
    await assertCode("AUTHENTICATION_REQUIRED", () => each.authenticate(forged));
    assert(each.cached(text) !== undefined);
  }
});

/** Finds the key's checksum as its specification says: SHA-256, first 8 bytes, base62, 6 digits. */
async function withChecksum(body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let rest = new DataView(digest).getBigUint64(0);
  let digits = "";
  for (let i = 0; i < 6; i++) {
    digits = alphabet[Number(rest % 62n)]! + digits;
    rest /= 62n;
  }
  return body + digits;
}

test("a key stops at its expiry and at its revocation, at once", async (world) => {
  let now = Date.now();
  const clock = { wall: () => now, monotonic: () => now };
  const auth = new Authenticator({
    sql: world.database.sql,
    ring: world.ring,
    freshMs: Infinity,
    clock,
  });
  const keys = new ServiceKeys({
    sql: world.database.sql,
    ring: world.ring,
    held: auth,
    set: world.keySet,
  });
  const expiresAt = new Date(now + 1_000);
  const short = await keys.issue(admin, { name: "short", grants: [deployer], expiresAt });
  const long = await keys.issue(admin, { name: "long", grants: [deployer] });
  for (const { text } of [short, long]) await auth.authenticate(text);
  now += 1_000;
  assertEquals(auth.cached(short.text), undefined);
  await assertCode("AUTHENTICATION_REQUIRED", () => auth.authenticate(short.text));
  assert(auth.cached(long.text) !== undefined);
  await keys.revoke(admin, long.key.id);
  assertEquals(auth.cached(long.text), undefined);
  await assertCode("AUTHENTICATION_REQUIRED", () => auth.authenticate(long.text));
  await keys.revoke(admin, long.key.id);
});

test("another replica's revocation ends a cached key within freshMs", async (world) => {
  let now = 0;
  const clock = { wall: () => Date.now(), monotonic: () => now };
  const auth = new Authenticator({
    sql: world.database.sql,
    ring: world.ring,
    freshMs: 1_000,
    clock,
  });
  const { key, text } = await world.keys.issue(admin, { name: "ci", grants: [deployer] });
  await auth.authenticate(text);
  await world.keys.revoke(admin, key.id);
  now = 499;
  assert(auth.cached(text) !== undefined);
  now = 1_000;
  assertEquals(auth.cached(text), undefined);
  await assertCode("AUTHENTICATION_REQUIRED", () => auth.authenticate(text));
});

test("a key's row that was changed from outside is refused", async (world, _kind, t) => {
  const { keys, database, ring } = world;
  const { text } = await keys.issue(admin, {
    name: "ci",
    grants: [deployer],
    expiresAt: new Date(4e12),
  });
  const other = await keys.issue(admin, { name: "other", grants: [deployer] });
  await keys.revoke(admin, other.key.id);
  const bound = await keys.issue(admin, { name: "bound", grants: [deployer], cidrs: ["10.0.0.1"] });
  const first = await keys.issue(admin, { name: "rotated", grants: [deployer] });
  await keys.rotate(admin, first.key.id, {});
  const traded = await world.systemKeys.exchange("oidc:test", {
    name: "exchanged",
    grants: [deployer],
    expiresAt: new Date(4e12),
  });
  const shown: Record<string, string> = {
    "revocation undone": other.text,
    "a range of addresses dropped": bound.text,
    "an overlap put off": first.text,
    "made a key that isn't swept": traded.text,
  };
  const tamperings = {
    "grants widened":
      `update functions.service_keys set grants = jsonb_set(grants, '{0,actions}', '["*"]')`,
    "namespaces widened":
      `update functions.service_keys set grants = jsonb_set(grants, '{0,namespaces}', '["*"]')`,
    "grants emptied": `update functions.service_keys set grants = '[]'`,
    "grants of another shape": `update functions.service_keys set grants = '{"actions":"*"}'`,
    "expiry put off": `update functions.service_keys set expires_at = null where name = 'ci'`,
    "revocation undone": `update functions.service_keys set revoked_at = null where name = 'other'`,
    "token of another key": `update functions.service_keys k set token_mac = o.token_mac
      from functions.service_keys o where o.id <> k.id`,
    "a range of addresses dropped":
      `update functions.service_keys set cidrs = null where name = 'bound'`,
    "a range of addresses added":
      `update functions.service_keys set cidrs = '["0.0.0.0/0"]' where name = 'ci'`,
    "an overlap put off":
      `update functions.service_keys set previous_until = now() + interval '1 year'
       where name = 'rotated'`,
    "an old secret planted": `update functions.service_keys set previous_mac = token_mac,
       previous_until = now() + interval '1 year' where name = 'ci'`,
    "made a key that isn't swept":
      `update functions.service_keys set kind = 'key' where name = 'exchanged'`,
    "prefix of another key":
      `update functions.service_keys set prefix = 'AAAAAAAA' where name = 'ci'`,
  };
  for (const [name, sql] of Object.entries(tamperings)) {
    await t.step(name, async () => {
      const undo = new Error("undo");
      await database.sql.transaction(async (tx) => {
        await tx.query(sql);
        const auth = new Authenticator({ sql: tx, ring });
        // A row under another prefix isn't found at all.
        const code = name.startsWith("prefix") ? "AUTHENTICATION_REQUIRED" : "INTEGRITY_VIOLATION";
        await assertCode(code, () => auth.authenticate(shown[name] ?? text));
        throw undo;
      }).catch((error) => assertEquals(error, undo));
    });
  }
});

test("nobody issues a key without keys:admin, or with more than they hold", async (world) => {
  const { keys } = world;
  const spec = { name: "k", grants: [deployer] };
  await assertCode("ACCESS_DENIED", () => keys.issue({ ...admin, grants: [deployer] }, spec));
  const limited: Principal = {
    ...admin,
    grants: [{ actions: ["keys:admin", "secrets:read"], namespaces: ["prod*"], names: ["*"] }],
  };
  await assertCode("ACCESS_DENIED", () => keys.issue(limited, spec));
  const { key } = await keys.issue(limited, {
    name: "k",
    grants: [{ actions: ["secrets:read"], namespaces: ["prod-eu"], names: ["A*"] }],
  });
  assertEquals(key.createdBy, admin.id);
  for (
    const grants of [[], [{ ...deployer, actions: ["secrets:reveal"] }], [{
      ...deployer,
      names: [""],
    }]]
  ) {
    await assertCode(
      "INVALID_INPUT",
      () => keys.issue(admin, { name: "k", grants: grants as Grant[] }),
    );
  }
});

test("a service key is nowhere in the database", async (world) => {
  const { text } = await world.keys.issue(admin, { name: "ci", grants: [deployer] });
  const rows = await world.database.sql`select t::text as row from functions.service_keys t`;
  const dump = JSON.stringify(rows);
  for (const part of [text, text.slice(14, 57), new TextEncoder().encode(text).toHex()]) {
    assertEquals(dump.includes(part), false);
  }
});

test("authenticate() asks the database for every wrong key, of a known id or not", async (world) => {
  let queries = 0;
  const { sql } = world.database;
  const counting = Object.assign(
    ((strings, ...values) => sql(strings, ...values)) as typeof sql,
    { query: (text: string, values?: never) => (queries++, sql.query(text, values)) },
  );
  const auth = new Authenticator({ sql: counting, ring: world.ring, freshMs: Infinity });
  const { text } = await world.keys.issue(admin, { name: "ci", grants: [deployer] });
  await auth.authenticate(text);
  const forged = await withChecksum(text.slice(0, 14) + generateServiceKey().text.slice(14, 58));
  for (const bad of [forged, generateServiceKey().text, forged, generateServiceKey().text]) {
    queries = 0;
    await assertCode("AUTHENTICATION_REQUIRED", () => auth.authenticate(bad));
    assertEquals(queries, 1);
  }
  assert(auth.cached(text) !== undefined);
});

test("a flood of unknown keys doesn't drive out the good ones", async ({ auth, keys }) => {
  const { text } = await keys.issue(admin, { name: "ci", grants: [deployer] });
  await auth.authenticate(text);
  for (let at = 0; at < 1_100; at += 50) {
    await Promise.allSettled(
      Array.from({ length: 50 }, () => auth.authenticate(generateServiceKey().text)),
    );
  }
  assert(auth.cached(text) !== undefined);
});

test("the use of a key is taken once, until it is used again", async ({ auth, keys }) => {
  const { key, text } = await keys.issue(admin, { name: "ci", grants: [deployer] });
  assertEquals(auth.takeUses(), []);
  await auth.authenticate(text);
  for (let i = 0; i < 5; i++) auth.cached(text);
  assertEquals(auth.takeUses(), [key.id]);
  assertEquals(auth.takeUses(), []);
  auth.cached(text.slice(0, -1) + (text.endsWith("0") ? "1" : "0"));
  assertEquals(auth.takeUses(), []);
  auth.cached(text);
  assertEquals(auth.takeUses(), [key.id]);
});
