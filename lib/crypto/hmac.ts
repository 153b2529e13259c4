/**
 * HMAC-SHA256 (RFC 2104, FIPS 198-1) over the platform's SHA-256.
 *
 * The platform's own HMAC is a stream for each message, and half of its time goes into making and
 * collecting that: measured with 220 bytes, 14 µs of processor time against 7 µs for two hashes of
 * one piece each.
 *
 * @module
 */
import { hash } from "node:crypto";

/** A block of SHA-256, bytes (FIPS 180-4 §1). */
const BLOCK = 64;

/** Where what is hashed is put together; one at a time, since nothing is waited for. */
let scratch = new Uint8Array(4_096);

/** A key, made ready for many messages. */
export class HmacKey {
  readonly #inner: Uint8Array;
  readonly #outer: Uint8Array;

  /**
   * @param key Longer than a block it is hashed first (RFC 2104 §2).
   * @example Usage
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { HmacKey } from "./hmac.ts";
   *
   * // RFC 4231 §4.3
   * const key = new HmacKey(new TextEncoder().encode("Jefe"));
   * assertEquals(
   *   key.sign(new TextEncoder().encode("what do ya want for nothing?")).toHex(),
   *   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
   * );
   * ```
   */
  constructor(key: Uint8Array) {
    const block = new Uint8Array(BLOCK);
    block.set(key.length > BLOCK ? sha256(key) : key);
    this.#inner = block.map((byte) => byte ^ 0x36);
    this.#outer = block.map((byte) => byte ^ 0x5c);
    block.fill(0);
  }

  /** Authenticates a message. @returns 32 bytes. */
  sign(message: Uint8Array): Uint8Array {
    const inner = hashed(this.#inner, message);
    return hashed(this.#outer, inner);
  }
}

/** The hash of a block with what follows it. */
function hashed(block: Uint8Array, rest: Uint8Array): Uint8Array {
  const length = BLOCK + rest.length;
  if (length > scratch.length) scratch = new Uint8Array(2 * length);
  scratch.set(block);
  scratch.set(rest, BLOCK);
  try {
    return sha256(scratch.subarray(0, length));
  } finally {
    // A key went through here, and with it, perhaps, a token.
    scratch.fill(0, 0, length);
  }
}

/** As hex, which costs less than a buffer. */
function sha256(bytes: Uint8Array): Uint8Array {
  return Uint8Array.fromHex(hash("sha256", bytes, "hex"));
}
