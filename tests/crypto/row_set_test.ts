import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { canonical } from "../../lib/crypto/canonical.ts";
import { generateWrappedKeys, type KeyRing, openKeyRing } from "../../lib/crypto/keyring.ts";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { DIGEST_BYTES, RowSet } from "../../lib/crypto/row_set.ts";

const ring = newRing();
const macs = Array.from({ length: 8 }, (_, i) => macOf(ring, i));
const context = ["place", 7];

function newRing(): KeyRing {
  const roots = parseRootKeys(generateRootKey().text);
  return openKeyRing(roots, generateWrappedKeys(roots[0]!, new Date()));
}

function macOf(of: KeyRing, row: number): Uint8Array {
  return of.mac("row", canonical("test", [row]));
}

Deno.test("a RowSet depends on which rows are in it and how often, not on their order", () => {
  const rows = fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 12 });
  fc.assert(fc.property(rows, rows, (a, b) => {
    const same = a.toSorted().join() === b.toSorted().join();
    const [left, right] = [a, b].map((each) => RowSet.of(ring, each.map((i) => macs[i]!)));
    assertEquals(left!.equals(right!), same);
  }));
});

Deno.test("RowSet.with() and without() lead to what of() makes of the rows", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 7 })), (rows) => {
    let set = RowSet.of(ring, macs);
    for (const row of rows) set = set.without(ring, macs[row]!);
    const left = macs.filter((_, i) => !rows.includes(i));
    assert(set.equals(RowSet.of(ring, left)));
    for (const row of rows) set = set.with(ring, macs[row]!);
    assert(set.equals(RowSet.of(ring, macs)));
  }));
});

Deno.test("RowSet.without() a row that isn't in it equals no set of rows", () => {
  const wrong = RowSet.of(ring, macs.slice(0, 3)).without(ring, macs[5]!);
  assert(!wrong.equals(RowSet.of(ring, macs.slice(0, 2))));
  const below = RowSet.EMPTY.without(ring, macs[0]!);
  assertEquals(below.count, -1);
  assert(below.with(ring, macs[0]!).equals(RowSet.EMPTY));
});

Deno.test("RowSet.seal() hides the sum, and open() brings it back in its context alone", () => {
  const set = RowSet.of(ring, macs);
  const [one, two] = [set.seal(ring, context), set.seal(ring, context)];
  assertEquals(one.length, DIGEST_BYTES);
  assertNotEquals(one.toHex(), two.toHex());
  assert(RowSet.open(ring, 8, one, context)?.equals(set));
  assertEquals(RowSet.open(ring, 8, one, ["place", 8])?.equals(set), false);
  assertEquals(RowSet.open(ring, 7, one, context)?.equals(set), false);
});

Deno.test("RowSet.open() gives no equal set for any byte that was changed", () => {
  const set = RowSet.of(ring, macs);
  const digest = set.seal(ring, context);
  for (let at = 0; at < digest.length; at++) {
    const changed = digest.slice();
    changed[at]! ^= 1;
    assert(!(RowSet.open(ring, 8, changed, context)?.equals(set) ?? false), `byte ${at}`);
  }
  assertEquals(RowSet.open(ring, 8, digest.slice(1), context), null);
});

Deno.test("a row's number comes from the ring: another ring has another one, or none", () => {
  assertThrows(() => RowSet.of(newRing(), macs), TypeError, "has no row key");
  const other = newRing();
  const digest = RowSet.of(other, [macOf(other, 1)]).seal(other, context);
  assertEquals(RowSet.open(ring, 1, digest, context), null);
});
