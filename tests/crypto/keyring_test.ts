import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { canonical, type Field } from "../../lib/crypto/canonical.ts";
import { generateWrappedKeys, openKeyRing, type WrappedKey } from "../../lib/crypto/keyring.ts";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { generateRootKey, parseRootKeys, type RootKey } from "../../lib/crypto/root_key.ts";
import { AppError, type ErrorCode } from "../../lib/errors.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const root = newRoot();
const stored = generateWrappedKeys(root, NOW);
const ring = openKeyRing([root], stored);
const [valueKey, rowKey] = [keyOf("value"), keyOf("row")];
const DOMAIN = "fluxbase/value/v1";
const FIELDS: readonly Field[] = ["namespace", "production", "API_KEY", "0199f3a1-7c1e", 3];
const AAD = canonical(DOMAIN, FIELDS);

function newRoot(): RootKey {
  return parseRootKeys(generateRootKey().text)[0]!;
}

function keyOf(purpose: string): WrappedKey {
  return stored.find((key) => key.purpose === purpose)!;
}

function replace(key: WrappedKey, change: Partial<WrappedKey>): WrappedKey[] {
  return stored.map((each) => each === key ? { ...each, ...change } : each);
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = new Uint8Array(bytes);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

function assertCode(work: () => unknown, code: ErrorCode, name?: string): AppError {
  const error = assertThrows(work, AppError, "", name);
  assertEquals(error.code, code, name);
  return error;
}

Deno.test("KeyRing.open() gives back what KeyRing.seal() sealed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000, size: "max" }), (bytes) => {
    const envelope = ring.seal(Plaintext.fromBytes(bytes), AAD);
    assertEquals(envelope.length, bytes.length + 53);
    assertEquals(ring.open(envelope, AAD).revealBytes(), bytes);
  }));
});

Deno.test("KeyRing.seal() never repeats a salt or a nonce, and shows nothing of the value", () => {
  const value = Plaintext.fromText("canary-canary-canary");
  const envelopes = Array.from({ length: 200 }, () => ring.seal(value, AAD).toHex());
  assertEquals(new Set(envelopes.map((hex) => hex.slice(18, 50))).size, 200);
  assertEquals(new Set(envelopes.map((hex) => hex.slice(50, 74))).size, 200);
  const canary = value.revealBytes().toHex();
  assert(envelopes.every((hex) => !hex.includes(canary)));
});

Deno.test("KeyRing.open() refuses a flipped bit, whichever it is", () => {
  const envelope = ring.seal(Plaintext.fromText("some value of a few blocks' length"), AAD);
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    assertCode(() => ring.open(flipBit(envelope, bit), AAD), "SECRET_UNREADABLE", `bit ${bit}`);
  }
});

Deno.test("KeyRing.open() refuses an envelope that was cut or lengthened", () => {
  const envelope = ring.seal(Plaintext.fromText("value"), AAD);
  for (let length = 0; length < envelope.length; length++) {
    assertCode(() => ring.open(envelope.subarray(0, length), AAD), "SECRET_UNREADABLE");
  }
  assertCode(() => ring.open(Uint8Array.of(...envelope, 0), AAD), "SECRET_UNREADABLE");
});

Deno.test("KeyRing.open() refuses when any field of the associated data changed", () => {
  const envelope = ring.seal(Plaintext.fromText("value"), AAD);
  const changes: Field[][] = [
    ["global", null, "API", "id", 1],
    ["other", "Production", "api_key", "0199f3a1-7c1f", 2],
    ["", "", "", "", 0],
    [1, 2, 3, 4, "3"],
  ];
  for (const change of changes) {
    FIELDS.forEach((_, at) => {
      const fields = FIELDS.with(at, change[at]!);
      assertCode(() => ring.open(envelope, canonical(DOMAIN, fields)), "SECRET_UNREADABLE");
    });
  }
  const elsewhere = canonical("fluxbase/value/v2", FIELDS);
  assertCode(() => ring.open(envelope, elsewhere), "SECRET_UNREADABLE");
  assertEquals(ring.open(envelope, canonical(DOMAIN, [...FIELDS])).reveal(), "value");
});

Deno.test("KeyRing.open() refuses associated data with a flipped bit", () => {
  const envelope = ring.seal(Plaintext.fromText("value"), AAD);
  for (let bit = 0; bit < AAD.length * 8; bit++) {
    assertCode(() => ring.open(envelope, flipBit(AAD, bit)), "SECRET_UNREADABLE", `bit ${bit}`);
  }
});

Deno.test("KeyRing.open() says the same whatever was wrong with a known key's envelope", () => {
  const envelope = ring.seal(Plaintext.fromText("canary"), AAD);
  const messages = [12, 30, 40, envelope.length - 1].map((at) =>
    assertCode(() => ring.open(flipBit(envelope, at * 8), AAD), "SECRET_UNREADABLE")
  );
  messages.push(assertCode(() => ring.open(envelope, new Uint8Array(0)), "SECRET_UNREADABLE"));
  assertEquals(
    new Set(messages.map((error) => error.message)),
    new Set([
      `Sealed value does not open (key ${valueKey.id})`,
    ]),
  );
  assert(messages.every((error) => error.cause === undefined));
});

Deno.test("a ring with other keys does not open the envelope", () => {
  const envelope = ring.seal(Plaintext.fromText("value"), AAD);
  const stranger = openKeyRing([root], generateWrappedKeys(root, NOW));
  assertCode(() => stranger.open(envelope, AAD), "SECRET_UNREADABLE");
});

Deno.test("KeyRing.verifyMac() accepts the ring's own MAC and nothing else", () => {
  const message = canonical("fluxbase/row/example/v1", ["API_KEY", 3]);
  const tag = ring.mac("row", message);
  assertEquals(tag.length, 40);
  assertEquals(tag.slice(0, 8).toHex(), rowKey.id);
  assert(ring.verifyMac("row", message, tag));
  for (let bit = 0; bit < tag.length * 8; bit++) {
    assert(!ring.verifyMac("row", message, flipBit(tag, bit)), `tag bit ${bit}`);
  }
  for (let bit = 0; bit < message.length * 8; bit++) {
    assert(!ring.verifyMac("row", flipBit(message, bit), tag), `message bit ${bit}`);
  }
  for (let length = 0; length < tag.length; length++) {
    assert(!ring.verifyMac("row", message, tag.subarray(0, length)), `${length} bytes`);
  }
});

Deno.test("KeyRing keeps the purposes of MACs apart", () => {
  const message = canonical("fluxbase/row/example/v1", []);
  const purposes = ["row", "token", "digest"] as const;
  for (const made of purposes) {
    for (const asked of purposes) {
      assertEquals(ring.verifyMac(asked, message, ring.mac(made, message)), made === asked);
    }
  }
});

Deno.test("generateWrappedKeys() makes one primary key for each purpose, under the root given", () => {
  assertEquals(stored.map((key) => key.purpose), ["value", "row", "token", "digest"]);
  for (const key of stored) {
    assertEquals([key.status, key.rootId, key.createdAt], ["primary", root.id, NOW]);
    assertMatch(key.id, /^[0-9a-f]{16}$/);
    assertEquals(ring.primaryId(key.purpose), key.id);
  }
  assertEquals(new Set(stored.map((key) => key.id)).size, 4);
  const again = generateWrappedKeys(root, NOW);
  assertNotEquals(again[0]!.wrapped, stored[0]!.wrapped);
});

Deno.test("openKeyRing() opens a ring under any of the roots held", () => {
  const [active, retired] = [newRoot(), newRoot()];
  const old = generateWrappedKeys(retired, NOW);
  const envelope = openKeyRing([retired], old).seal(Plaintext.fromText("kept"), AAD);
  assertEquals(openKeyRing([active, retired], old).open(envelope, AAD).reveal(), "kept");
});

Deno.test("openKeyRing() names the root ids wanted and held when it stays locked", () => {
  const [a, b] = [newRoot(), newRoot()];
  const held = [a.id, b.id].sort().join(", ");
  const text = `Key ring is sealed under root keys ${root.id}; held: `;
  const locked = assertCode(() => openKeyRing([a, b], stored), "KEY_RING_LOCKED");
  assertEquals(locked.message, text + held);
  const none = assertCode(() => openKeyRing([], stored), "KEY_RING_LOCKED");
  assertEquals(none.message, `${text}none`);
});

Deno.test("openKeyRing() stays locked when one key of many needs a root that is missing", () => {
  const other = newRoot();
  const mixed = stored.with(3, generateWrappedKeys(other, NOW)[3]!);
  assertCode(() => openKeyRing([root], mixed), "KEY_RING_LOCKED");
  assertEquals(openKeyRing([root, other], mixed).primaryId("digest"), mixed[3]!.id);
});

Deno.test("openKeyRing() refuses a ring that breaks an invariant", () => {
  const enabled = { ...valueKey, status: "enabled" as const };
  const cases: Record<string, [WrappedKey[], string]> = {
    "no keys": [[], "0 primary keys for value"],
    "no primary key for a purpose": [stored.slice(0, 3), "0 primary keys for digest"],
    "two primary keys for a purpose": [
      [...stored, generateWrappedKeys(root, NOW)[0]!],
      "2 primary keys for value",
    ],
    "an id twice": [[...stored, enabled], "a key id twice"],
    "a malformed id": [replace(valueKey, { id: "../etc" }), "a malformed key id"],
    "an upper-case id": [replace(valueKey, { id: "ABCDEF0123456789" }), "a malformed key id"],
    "a malformed root id": [replace(valueKey, { rootId: "canary" }), "a malformed root key id"],
    "an unknown purpose": [
      [...stored, { ...valueKey, purpose: "all" as never }],
      "an unknown purpose",
    ],
    "an unknown status": [replace(valueKey, { status: "live" as never }), "an unknown status"],
  };
  for (const [name, [keys, message]] of Object.entries(cases)) {
    const error = assertCode(() => openKeyRing([root], keys), "INTEGRITY_VIOLATION", name);
    assert(error.message.includes(message), `${name}: ${error.message}`);
  }
});

Deno.test("openKeyRing() refuses a stored row that was changed", () => {
  const second = generateWrappedKeys(root, NOW)[0]!;
  const other = newRoot();
  const cases: Record<string, WrappedKey[]> = {
    "another id": replace(valueKey, { id: "00".repeat(8) }),
    "swapped purposes": stored.map((key) =>
      key === valueKey
        ? { ...key, purpose: "row" }
        : key === rowKey
        ? { ...key, purpose: "value" }
        : key
    ),
    "a primary key enabled": [...replace(valueKey, { status: "enabled" }), second],
    "a primary key disabled": [...replace(valueKey, { status: "disabled" }), second],
    "another time": replace(valueKey, { createdAt: new Date(NOW.getTime() + 1) }),
    "another root that is held": replace(valueKey, { rootId: other.id }),
    "another key's bytes": replace(valueKey, { wrapped: rowKey.wrapped }),
    "no bytes": replace(valueKey, { wrapped: new Uint8Array(0) }),
    "a byte more": replace(valueKey, { wrapped: Uint8Array.of(...valueKey.wrapped, 0) }),
  };
  for (const [name, keys] of Object.entries(cases)) {
    const error = assertCode(() => openKeyRing([root, other], keys), "INTEGRITY_VIOLATION", name);
    assertMatch(error.message, /^Key [0-9a-f]{16} of the key ring is not as it was written$/);
  }
  for (let bit = 0; bit < valueKey.wrapped.length * 8; bit++) {
    const keys = replace(valueKey, { wrapped: flipBit(valueKey.wrapped, bit) });
    assertCode(() => openKeyRing([root], keys), "INTEGRITY_VIOLATION", `bit ${bit}`);
  }
});

Deno.test("KeyRing shows no key when it is printed", () => {
  const shown = Deno.inspect(ring, { depth: 10, showHidden: true }) + JSON.stringify(ring);
  assertEquals(shown, "FixedRing {}{}");
});
