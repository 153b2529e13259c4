/**
 * The stored form of a sealed value, version 1. The format is specified in `ENVELOPE.md`.
 *
 * This file knows no keys: it turns bytes into fields and back.
 *
 * @module
 */
import { NONCE_BYTES, TAG_BYTES } from "./aead.ts";

/** Length of a key id in bytes; as text it is 16 lower-case hex digits. */
export const KEY_ID_BYTES = 8;
/** Length of the salt of the content key in bytes. */
export const SALT_BYTES = 16;

/** The first byte of an envelope. */
const VERSION = 1;
const KEY_ID_AT = 1;
const SALT_AT = KEY_ID_AT + KEY_ID_BYTES;
const NONCE_AT = SALT_AT + SALT_BYTES;
const SEALED_AT = NONCE_AT + NONCE_BYTES;

/** How many bytes an envelope is longer than its plaintext. */
export const ENVELOPE_OVERHEAD: number = SEALED_AT + TAG_BYTES;

/** The fields of an envelope. */
export interface Envelope {
  /** Id of the value key, 16 hex digits. */
  readonly keyId: string;
  /** Salt of the content key, 16 bytes. */
  readonly salt: Uint8Array;
  /** GCM nonce, 12 bytes. */
  readonly nonce: Uint8Array;
  /** Ciphertext ‖ tag, at least 16 bytes. */
  readonly sealed: Uint8Array;
}

/**
 * Writes an envelope: version ‖ key id ‖ salt ‖ nonce ‖ ciphertext ‖ tag.
 *
 * @throws {TypeError} When a field has another length than the format's.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { keyId, salt, nonce, sealed } = envelope;
  const id = Uint8Array.fromHex(keyId);
  if (
    id.length !== KEY_ID_BYTES || salt.length !== SALT_BYTES ||
    nonce.length !== NONCE_BYTES || sealed.length < TAG_BYTES
  ) throw new TypeError("Envelope field has a wrong length");
  const out = new Uint8Array(SEALED_AT + sealed.length);
  out[0] = VERSION;
  out.set(id, KEY_ID_AT);
  out.set(salt, SALT_AT);
  out.set(nonce, NONCE_AT);
  out.set(sealed, SEALED_AT);
  return out;
}

/**
 * Reads an envelope. The fields are views of `bytes`, not copies.
 *
 * @returns `null` when the bytes are no version 1 envelope; whether they are authentic shows only
 * when they are opened.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseEnvelope } from "./envelope.ts";
 *
 * assertEquals(parseEnvelope(new Uint8Array(53)), null); // version 0
 * ```
 */
export function parseEnvelope(bytes: Uint8Array): Envelope | null {
  if (bytes.length < ENVELOPE_OVERHEAD || bytes[0] !== VERSION) return null;
  return {
    keyId: bytes.slice(KEY_ID_AT, SALT_AT).toHex(),
    salt: bytes.subarray(SALT_AT, NONCE_AT),
    nonce: bytes.subarray(NONCE_AT, SEALED_AT),
    sealed: bytes.subarray(SEALED_AT),
  };
}

/**
 * The id of the key that a MAC, or the digest of a set, claims to be made with, as 16 hex digits;
 * fewer when it is cut.
 */
export function macKeyId(mac: Uint8Array): string {
  return mac.slice(0, KEY_ID_BYTES).toHex();
}
