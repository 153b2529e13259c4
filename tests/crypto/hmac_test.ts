import { assertEquals } from "@std/assert";
import { createHmac, randomBytes } from "node:crypto";
import { HmacKey } from "../../lib/crypto/hmac.ts";

const text = (value: string) => new TextEncoder().encode(value);
const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte);

/** RFC 4231 §4; the fifth is cut off there and is left out. */
const VECTORS: readonly [name: string, key: Uint8Array, message: Uint8Array, mac: string][] = [
  [
    "a key shorter than the output",
    filled(20, 0x0b),
    text("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    "a key of four bytes",
    text("Jefe"),
    text("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    "key and message longer than a block together",
    filled(20, 0xaa),
    filled(50, 0xdd),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  ],
  [
    "another such",
    Uint8Array.fromHex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
    filled(50, 0xcd),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    "a key longer than a block",
    filled(131, 0xaa),
    text("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "key and message longer than a block",
    filled(131, 0xaa),
    text(
      "This is a test using a larger than block-size key and a larger than block-size data. " +
        "The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

for (const [name, key, message, mac] of VECTORS) {
  Deno.test(`an HMAC is that of RFC 4231: ${name}`, () => {
    assertEquals(new HmacKey(key).sign(message).toHex(), mac);
  });
}

Deno.test("an HMAC is the platform's, whatever the lengths of key and message", () => {
  for (let length = 0; length < 300; length += 7) {
    const key = new Uint8Array(randomBytes(length % 140));
    const maker = new HmacKey(key);
    for (const size of [0, 1, 55, 56, 63, 64, 65, length, 4_031, 4_032, 4_033, 9_000]) {
      const message = new Uint8Array(randomBytes(size));
      const expected = createHmac("sha256", key).update(message).digest("hex");
      assertEquals(maker.sign(message).toHex(), expected, `key ${key.length}, message ${size}`);
    }
  }
});

Deno.test("an HMAC leaves key and message as they were", () => {
  const [key, message] = [filled(32, 1), filled(100, 2)];
  const maker = new HmacKey(key);
  const first = maker.sign(message);
  key.fill(9);
  assertEquals(maker.sign(message), first);
  assertEquals(message, filled(100, 2));
});
