import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodeEnvelope, ENVELOPE_OVERHEAD, parseEnvelope } from "../../lib/crypto/envelope.ts";

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const envelope = fc.record({
  keyId: fixed(8).map((bytes) => bytes.toHex()),
  salt: fixed(16),
  nonce: fixed(12),
  sealed: fc.uint8Array({ minLength: 16, maxLength: 64 }),
});

Deno.test("parseEnvelope() reads what encodeEnvelope() wrote", () => {
  fc.assert(fc.property(envelope, (fields) => {
    const bytes = encodeEnvelope(fields);
    assertEquals(bytes.length, ENVELOPE_OVERHEAD - 16 + fields.sealed.length);
    assertEquals(parseEnvelope(bytes), fields);
  }));
});

Deno.test("encodeEnvelope() writes back exactly what parseEnvelope() read", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 52, maxLength: 80 }), (rest) => {
    const bytes = Uint8Array.of(1, ...rest);
    const parsed = parseEnvelope(bytes);
    assert(parsed !== null);
    assertEquals(encodeEnvelope(parsed), bytes);
  }));
});

Deno.test("parseEnvelope() refuses other versions and what is too short", () => {
  for (let version = 0; version < 256; version++) {
    const bytes = new Uint8Array(ENVELOPE_OVERHEAD);
    bytes[0] = version;
    assertEquals(parseEnvelope(bytes) === null, version !== 1, `version ${version}`);
  }
  for (let length = 0; length < ENVELOPE_OVERHEAD; length++) {
    assertEquals(parseEnvelope(new Uint8Array(length).fill(1)), null, `${length} bytes`);
  }
});

Deno.test("parseEnvelope() reads an envelope that lies inside a larger buffer", () => {
  const buffer = new Uint8Array(100).fill(7);
  buffer[20] = 1;
  const parsed = parseEnvelope(buffer.subarray(20, 80));
  assertEquals(parsed?.keyId, "07".repeat(8));
  assertEquals(parsed?.sealed.length, 60 - 37);
});

Deno.test("encodeEnvelope() refuses fields of another length", () => {
  const good = {
    keyId: "00".repeat(8),
    salt: new Uint8Array(16),
    nonce: new Uint8Array(12),
    sealed: new Uint8Array(16),
  };
  const bad = [
    { keyId: "00" },
    { salt: new Uint8Array(15) },
    { nonce: new Uint8Array(16) },
    { sealed: new Uint8Array(15) },
  ];
  for (const change of bad) {
    assertThrows(() => encodeEnvelope({ ...good, ...change }), TypeError, "wrong length");
  }
});
