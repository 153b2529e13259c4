/** A ring knows rows again that it found good, and takes nothing else for them. */
import { assert, assertEquals } from "@std/assert";
import { canonical } from "../../lib/crypto/canonical.ts";
import { newRingKey, ringOf } from "../../lib/crypto/ring.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const PURPOSES = ["row", "token", "digest"] as const;
const keys = PURPOSES.map((purpose) => newRingKey(purpose, NOW));
const MESSAGE = canonical("fluxbase/row/example/v1", ["API_KEY", 3]);

/** A ring of the same keys that has seen nothing yet. */
function newRing() {
  return ringOf(keys);
}

function rowOf(n: number): Uint8Array {
  return canonical("fluxbase/row/example/v1", ["NAME", n]);
}

function flipByte(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = new Uint8Array(bytes);
  flipped[at]! ^= 0xff;
  return flipped;
}

Deno.test("KeyRing.verifyMac() finds a row good as often as it is asked, whatever its length", () => {
  const ring = newRing();
  for (const length of [0, 1, 100, 2_047, 2_048, 2_049, 10_000]) {
    const message = new Uint8Array(length).fill(7);
    const tag = ring.mac("row", message);
    for (let i = 0; i < 3; i++) assert(ring.verifyMac("row", message, tag), `${length} bytes`);
    assert(!ring.verifyMac("row", Uint8Array.of(...message, 7), tag), `${length} bytes and one`);
    assert(!ring.verifyMac("row", message, flipByte(tag, 20)), `${length} bytes, another MAC`);
  }
});

Deno.test("KeyRing.verifyMac() refuses any change of a row that it has just found good", () => {
  const ring = newRing();
  const tag = ring.mac("row", MESSAGE);
  const changes: Record<string, [Uint8Array, Uint8Array]> = {
    "no message": [new Uint8Array(0), tag],
    "a byte more": [Uint8Array.of(...MESSAGE, 0), tag],
    "a byte less": [MESSAGE.subarray(0, -1), tag],
    "the MAC of another row": [MESSAGE, ring.mac("row", rowOf(1))],
    "another row": [rowOf(1), tag],
    "a MAC cut short": [MESSAGE, tag.subarray(0, -1)],
    "a MAC with a byte more": [MESSAGE, Uint8Array.of(...tag, 0)],
    "no MAC": [MESSAGE, new Uint8Array(0)],
  };
  for (const at of MESSAGE.keys()) changes[`byte ${at}`] = [flipByte(MESSAGE, at), tag];
  for (const at of tag.keys()) changes[`byte ${at} of the MAC`] = [MESSAGE, flipByte(tag, at)];
  for (const [name, [message, other]] of Object.entries(changes)) {
    assert(ring.verifyMac("row", MESSAGE, tag));
    assert(!ring.verifyMac("row", message, other), name);
    assert(!ring.verifyMac("row", message, other), `${name}, again`);
  }
  assert(ring.verifyMac("row", MESSAGE, tag));
});

Deno.test("KeyRing.verifyMac() takes a row's MAC for no other purpose's, nor theirs for a row's", () => {
  const ring = newRing();
  for (const made of PURPOSES) {
    const tag = ring.mac(made, MESSAGE);
    for (let i = 0; i < 2; i++) {
      for (const asked of [made, ...PURPOSES]) {
        assertEquals(ring.verifyMac(asked, MESSAGE, tag), asked === made, `${made} for ${asked}`);
      }
    }
  }
});

Deno.test("KeyRing.verifyMac() doesn't see what is changed in the bytes that it was given", () => {
  const ring = newRing();
  const [message, tag] = [new Uint8Array(MESSAGE), ring.mac("row", MESSAGE)];
  const good = new Uint8Array(tag);
  assert(ring.verifyMac("row", message, tag));
  message[3]! ^= 1;
  assert(!ring.verifyMac("row", message, tag));
  message[3]! ^= 1;
  tag[20]! ^= 1;
  assert(!ring.verifyMac("row", message, tag));
  assert(ring.verifyMac("row", message, good));
});

Deno.test("KeyRing.verifyMac() keeps apart more rows than it knows again", () => {
  const ring = newRing();
  const rows = Array.from({ length: 3_000 }, (_, n) => ({
    message: rowOf(n),
    tag: ring.mac("row", rowOf(n)),
  }));
  for (let round = 0; round < 2; round++) {
    for (const [i, { message, tag }] of rows.entries()) {
      assert(ring.verifyMac("row", message, tag), `row ${i}`);
      assert(ring.verifyMac("row", message, tag), `row ${i}, again`);
      assert(!ring.verifyMac("row", message, rows.at(i - 1)!.tag), `row ${i}, the MAC before`);
    }
  }
});

Deno.test("a ring refuses what another one found good that had a key which it hasn't", () => {
  const [old, ...rest] = keys;
  const before = newRing();
  const tag = before.mac("row", MESSAGE);
  const next = newRingKey("row", NOW);
  const rings = {
    "enabled": ringOf([{ ...old!, status: "enabled" }, next, ...rest]),
    "disabled": ringOf([{ ...old!, status: "disabled" }, next, ...rest]),
    "gone": ringOf([next, ...rest]),
    "another under the same id": ringOf([{ ...next, id: old!.id }, ...rest]),
  };
  for (let i = 0; i < 2; i++) {
    assert(before.verifyMac("row", MESSAGE, tag));
    for (const [name, ring] of Object.entries(rings)) {
      assertEquals(ring.verifyMac("row", MESSAGE, tag), name === "enabled", name);
    }
  }
});
