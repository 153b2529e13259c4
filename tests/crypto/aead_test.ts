import { createCipheriv, createDecipheriv } from "node:crypto";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { openBytes, sealBytes } from "../../lib/crypto/aead.ts";
import nist from "../vectors/aes_gcm_nist.json" with { type: "json" };
import wycheproof from "../vectors/aes_gcm_wycheproof.json" with { type: "json" };

interface Vector {
  id: string;
  key: string;
  nonce: string;
  aad: string;
  /** `null` when it must not open. */
  plaintext: string | null;
  ciphertext: string;
  tag: string;
}

const hex = (text: string) => Uint8Array.fromHex(text);
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 300, size: "max" });

function runVectors(source: string, vectors: readonly Vector[]): void {
  const valid = vectors.filter((vector) => vector.plaintext !== null);
  const invalid = vectors.filter((vector) => vector.plaintext === null);
  assert(valid.length > 0 && invalid.length > 0);

  Deno.test(`sealBytes() and openBytes() agree with the valid vectors of ${source}`, () => {
    for (const v of valid) {
      const sealed = sealBytes(hex(v.key), hex(v.nonce), hex(v.plaintext ?? ""), hex(v.aad));
      assertEquals(sealed.toHex(), v.ciphertext + v.tag, v.id);
      assertEquals(openBytes(hex(v.key), hex(v.nonce), sealed, hex(v.aad))?.toHex(), v.plaintext);
    }
  });

  Deno.test(`openBytes() refuses the invalid vectors of ${source}`, () => {
    for (const v of invalid) {
      const sealed = hex(v.ciphertext + v.tag);
      assertEquals(openBytes(hex(v.key), hex(v.nonce), sealed, hex(v.aad)), null, v.id);
    }
  });
}

runVectors("NIST CAVP", nist.vectors);
runVectors("Wycheproof", wycheproof.vectors);

Deno.test("WebCrypto opens what sealBytes() sealed, and the other way round", async () => {
  await fc.assert(
    fc.asyncProperty(key, nonce, bytes, bytes, async (k, n, plaintext, aad) => {
      const own = sealBytes(k, n, plaintext, aad);
      const algorithm = {
        name: "AES-GCM",
        iv: new Uint8Array(n),
        additionalData: new Uint8Array(aad),
      };
      const usages: KeyUsage[] = ["encrypt", "decrypt"];
      const imported = await crypto.subtle.importKey(
        "raw",
        new Uint8Array(k),
        "AES-GCM",
        false,
        usages,
      );
      const opened = await crypto.subtle.decrypt(algorithm, imported, new Uint8Array(own));
      assertEquals(new Uint8Array(opened), plaintext);
      const theirs = await crypto.subtle.encrypt(algorithm, imported, new Uint8Array(plaintext));
      assertEquals(openBytes(k, n, new Uint8Array(theirs), aad), plaintext);
    }),
    { numRuns: 50 },
  );
});

Deno.test("node:crypto opens what sealBytes() sealed, and the other way round", () => {
  fc.assert(fc.property(key, nonce, bytes, bytes, (k, n, plaintext, aad) => {
    const own = sealBytes(k, n, plaintext, aad);
    const decipher = createDecipheriv("aes-256-gcm", k, n);
    decipher.setAAD(aad);
    decipher.setAuthTag(own.subarray(-16));
    const opened = [...decipher.update(own.subarray(0, -16)), ...decipher.final()];
    assertEquals(opened, [...plaintext]);

    const cipher = createCipheriv("aes-256-gcm", k, n);
    cipher.setAAD(aad);
    const theirs = Uint8Array.from([
      ...cipher.update(plaintext),
      ...cipher.final(),
      ...cipher.getAuthTag(),
    ]);
    assertEquals(openBytes(k, n, theirs, aad), plaintext);
  }));
});

Deno.test("openBytes() opens what sealBytes() sealed at the sizes around a block and at 64 KiB", () => {
  const k = new Uint8Array(32).fill(1);
  const n = new Uint8Array(12).fill(2);
  for (const size of [0, 1, 15, 16, 17, 4095, 4096, 65_536]) {
    const plaintext = crypto.getRandomValues(new Uint8Array(size));
    const sealed = sealBytes(k, n, plaintext, new Uint8Array(0));
    assertEquals(openBytes(k, n, sealed, new Uint8Array(0)), plaintext, `${size} bytes`);
  }
});

Deno.test("openBytes() refuses every shortened tag", () => {
  const k = new Uint8Array(32);
  const n = new Uint8Array(12);
  const none = new Uint8Array(0);
  const sealed = sealBytes(k, n, none, none);
  for (let length = 0; length < sealed.length; length++) {
    assertEquals(openBytes(k, n, sealed.subarray(0, length), none), null, `${length} bytes`);
  }
});

Deno.test("sealBytes() and openBytes() refuse keys and nonces of another length", () => {
  const none = new Uint8Array(0);
  const bad = [[0, 12], [16, 12], [31, 12], [33, 12], [32, 0], [32, 11], [32, 16]] as const;
  for (const [keyLength, nonceLength] of bad) {
    const k = new Uint8Array(keyLength);
    const n = new Uint8Array(nonceLength);
    assertThrows(() => sealBytes(k, n, none, none), TypeError, "must be");
    assertThrows(() => openBytes(k, n, new Uint8Array(16), none), TypeError, "must be");
  }
});
