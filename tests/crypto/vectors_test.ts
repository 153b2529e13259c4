import { assert, assertEquals, assertThrows } from "@std/assert";
import { canonical } from "../../lib/crypto/canonical.ts";
import { type MacPurpose, openKeyRing, type WrappedKey } from "../../lib/crypto/keyring.ts";
import { parseRootKeys } from "../../lib/crypto/root_key.ts";
import { AppError } from "../../lib/errors.ts";
import vectors from "../vectors/envelope_v1.json" with { type: "json" };

const roots = parseRootKeys(vectors.roots.map((root) => root.text).join(","));
const stored = vectors.ring.map((key) => ({
  ...key,
  wrapped: Uint8Array.fromHex(key.wrapped),
  createdAt: new Date(key.createdAt),
})) as WrappedKey[];
const ring = openKeyRing(roots, stored);

Deno.test("root keys keep the ids of the vectors", () => {
  assertEquals(roots.map((root) => root.id), vectors.roots.map((root) => root.id));
});

Deno.test("canonical() keeps the bytes of the vectors", () => {
  const { domain, fields, bytes } = vectors.canonical;
  assertEquals(canonical(domain, fields).toHex(), bytes);
  const at = new Date(vectors.ring[0]!.createdAt);
  const row = ["API_KEY", null, 3, true, at, Uint8Array.of(0, 0xff)];
  assertEquals(canonical("fluxbase/row/example/v1", row).toHex(), vectors.macMessage);
});

for (const vector of vectors.envelopes) {
  Deno.test(`KeyRing.open() keeps the vector: ${vector.name}`, () => {
    const associatedData = canonical("fluxbase/value/v1", vector.fields);
    const open = () => ring.open(Uint8Array.fromHex(vector.envelope), associatedData).reveal();
    if (vector.expect === "ok") return assertEquals(open(), vector.text);
    assertEquals(assertThrows(open, AppError).code, vector.expect);
  });
}

for (const { name, owner, fields, text, envelope, expect } of vectors.settings) {
  Deno.test(`KeyRing.open() keeps the vector: ${name}`, () => {
    const associatedData = canonical("fluxbase/setting/v1", fields);
    const options = owner === null ? {} : { owner };
    const open = () => ring.open(Uint8Array.fromHex(envelope), associatedData, options).reveal();
    if (expect === "ok") return assertEquals(open(), text);
    assertEquals(assertThrows(open, AppError).code, expect);
  });
}

for (const vector of vectors.macs) {
  Deno.test(`KeyRing.verifyMac() keeps the vector: ${vector.name}`, () => {
    const message = Uint8Array.fromHex(vectors.macMessage);
    const tag = Uint8Array.fromHex(vector.tag);
    assertEquals(ring.verifyMac(vector.purpose as MacPurpose, message, tag), vector.valid);
  });
}

Deno.test("KeyRing.mac() makes the vector's MAC of the primary key", () => {
  const primary = vectors.macs.find((vector) => vector.name === "primary key");
  assert(primary !== undefined);
  assertEquals(ring.mac("row", Uint8Array.fromHex(vectors.macMessage)).toHex(), primary.tag);
});
