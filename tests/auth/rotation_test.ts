import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Authenticator } from "../../lib/auth/authenticator.ts";
import { ServiceKeys } from "../../lib/auth/service_keys.ts";
import { serviceKeyId } from "../../lib/auth/service_key_text.ts";
import type { Grant } from "../../lib/principal/principal.ts";
import { noteServiceKeyUses } from "../../lib/store/service_keys.ts";
import { assertCode } from "../support/assert_code.ts";
import { admin, testOverDatabases, type World } from "../support/world.ts";

const test = testOverDatabases();
const HOUR = 60 * 60 * 1_000;
const DAY = 24 * HOUR;
const reading: Grant = { actions: ["secrets:read"], namespaces: ["*"], names: ["*"] };

/** Keys and their look-up under a clock that a test moves. */
function withClock({ database: { sql }, ring, keySet: set }: World) {
  const time = { now: Date.UTC(2030, 0, 1) };
  const clock = { wall: () => time.now, monotonic: () => time.now };
  const auth = new Authenticator({ sql, ring, clock, freshMs: Infinity });
  const now = () => new Date(time.now);
  const keys = new ServiceKeys({ sql, ring, held: auth, set, now });
  const good = async (text: string) => {
    const found = await auth.authenticate(text).then(() => true, () => false);
    assertEquals(auth.cached(text) !== undefined, found);
    return found;
  };
  return { time, auth, keys, good };
}

test("a rotated key has a new secret and the same id, and both are good for the overlap", async (world) => {
  const { time, keys, good } = withClock(world);
  const first = await keys.issue(admin, { name: "ci", grants: [reading] });
  assert(await good(first.text));
  const second = await keys.rotate(admin, first.key.id, { overlapMs: HOUR });
  assertNotEquals(second.text, first.text);
  assertEquals(serviceKeyId(second.text), serviceKeyId(first.text));
  assertEquals(second.key.id, first.key.id);
  assertEquals([await good(first.text), await good(second.text)], [true, true]);
  time.now += HOUR - 1;
  assertEquals([await good(first.text), await good(second.text)], [true, true]);
  time.now += 1;
  assertEquals([await good(first.text), await good(second.text)], [false, true]);
});

test("without an overlap the old secret stops at once, and a third ends the first", async (world) => {
  const { keys, good } = withClock(world);
  const first = await keys.issue(admin, { name: "ci", grants: [reading] });
  assert(await good(first.text));
  const second = await keys.rotate(admin, first.key.id, {});
  const third = await keys.rotate(admin, first.key.id, {});
  const states = [await good(first.text), await good(second.text), await good(third.text)];
  assertEquals(states, [false, true, true]);
  const fourth = await keys.rotate(admin, first.key.id, { overlapMs: 0 });
  for (const { text } of [first, second, third]) assertEquals(await good(text), false);
  assert(await good(fourth.text));
  await keys.revoke(admin, first.key.id);
  assertEquals(await good(fourth.text), false);
});

test("a rotation renews the expiry and never shortens it", async (world) => {
  const { time, keys } = withClock(world);
  const start = time.now;
  const { key } = await keys.issue(admin, { name: "ci", grants: [reading] });
  time.now += 60 * DAY;
  const rotated = await keys.rotate(admin, key.id, {});
  assertEquals(rotated.key.expiresAt, new Date(start + 150 * DAY));
  const again = await keys.rotate(admin, key.id, {});
  assertEquals(again.key.expiresAt, new Date(start + 150 * DAY));
  await assertCode(
    "INVALID_INPUT",
    () => keys.rotate(admin, key.id, { expiresAt: new Date(time.now + DAY) }),
  );
  assertEquals((await keys.rotate(admin, key.id, { expiresAt: null })).key.expiresAt, null);
  for (const overlapMs of [-1, NaN, 31 * DAY]) {
    await assertCode("INVALID_INPUT", () => keys.rotate(admin, key.id, { overlapMs }));
  }
});

test("a key that is over is not rotated", async (world) => {
  const { time, keys } = withClock(world);
  const spec = { name: "ci", grants: [reading] };
  const expired = await keys.issue(admin, { ...spec, expiresAt: new Date(time.now + DAY) });
  const revoked = await keys.issue(admin, spec);
  const traded = await world.systemKeys.exchange("oidc:test", {
    ...spec,
    expiresAt: new Date(time.now + 2 * DAY),
  });
  await keys.revoke(admin, revoked.key.id);
  time.now += DAY;
  for (const { key } of [expired, revoked, traded]) {
    await assertCode("CONFLICT", () => keys.rotate(admin, key.id, {}));
  }
});

test("nobody gets by rotation what they could not make", async (world) => {
  const { time, auth, keys } = withClock(world);
  const all: Grant = { actions: ["*"], namespaces: ["*"], names: ["*"] };
  const until = (days: number) => new Date(time.now + days * DAY);
  const long = await keys.issue(admin, { name: "long", grants: [reading], expiresAt: null });
  const open = await keys.issue(admin, { name: "open", grants: [reading], expiresAt: until(5) });
  const short = await keys.issue(admin, { name: "short", grants: [all], expiresAt: until(10) });
  const bound = await keys.issue(admin, { name: "b", grants: [all], cidrs: ["10.0.0.0/8"] });
  const limited = await keys.issue(admin, {
    name: "limited",
    grants: [{ ...reading, actions: ["keys:admin"] }],
  });
  const enter = (text: string) => auth.authenticate(text, { address: "10.0.0.1" });
  const byShort = await enter(short.text);
  await assertCode("ACCESS_DENIED", () => keys.rotate(byShort, long.key.id, {}));
  const longest = await keys.rotate(byShort, open.key.id, {});
  assertEquals(longest.key.expiresAt, until(5));
  await assertCode(
    "ACCESS_DENIED",
    () => keys.rotate(byShort, open.key.id, { expiresAt: until(11) }),
  );
  await assertCode(
    "ACCESS_DENIED",
    async () => keys.rotate(await enter(bound.text), open.key.id, {}),
  );
  await assertCode(
    "NOT_FOUND",
    async () => keys.rotate(await enter(limited.text), open.key.id, {}),
  );
  // A child stays within its maker, whoever rotates it.
  const child = await keys.issue(byShort, { name: "child", grants: [reading] });
  assertEquals((await keys.rotate(admin, child.key.id, {})).key.expiresAt, until(10));
  await assertCode("ACCESS_DENIED", () => keys.rotate(admin, child.key.id, { expiresAt: null }));
});

test("of two rotations at once, one wins and none is half done", async (world) => {
  const { keys, good } = withClock(world);
  const { key } = await keys.issue(admin, { name: "ci", grants: [reading] });
  const done = await Promise.allSettled(
    Array.from({ length: 5 }, () => keys.rotate(admin, key.id, { overlapMs: 0 })),
  );
  const texts = done.flatMap((each) => each.status === "fulfilled" ? [each.value.text] : []);
  const refused = done.flatMap((each) => each.status === "rejected" ? [each.reason.code] : []);
  assert(refused.every((code) => code === "CONFLICT"));
  let stillGood = 0;
  for (const text of texts) stillGood += await good(text) ? 1 : 0;
  assertEquals(stillGood, 1);
});

test("uses are written down in one go, and exchanged keys are swept when they are over", async (world) => {
  const { time, auth, keys } = withClock(world);
  const { sql } = world.database;
  const { key, text } = await keys.issue(admin, { name: "ci", grants: [reading] });
  const idle = await keys.issue(admin, { name: "idle", grants: [reading] });
  await auth.authenticate(text);
  const at = new Date(time.now);
  await noteServiceKeyUses(sql, auth.takeUses(), at);
  await noteServiceKeyUses(sql, [key.id], new Date(time.now - DAY));
  assertEquals((await keys.find(admin, key.id)).lastUsedAt, at);
  assertEquals((await keys.find(admin, idle.key.id)).lastUsedAt, null);
  const expiresAt = new Date(time.now + DAY);
  const traded = await world.systemKeys.exchange("oidc:test", {
    name: "t",
    grants: [reading],
    expiresAt,
  });
  await world.systemKeys.purgeExchanged(expiresAt);
  await keys.find(admin, traded.key.id);
  await world.systemKeys.purgeExchanged(new Date(time.now + 2 * DAY));
  await assertCode("NOT_FOUND", () => keys.find(admin, traded.key.id));
  await keys.find(admin, key.id);
});
