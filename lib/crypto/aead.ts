/**
 * AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag: bytes in, bytes out.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

/** Length of a key in bytes. */
export const KEY_BYTES = 32;
/** Length of a nonce in bytes; SP 800-38D §5.2.1.1 recommends 96 bits. */
export const NONCE_BYTES = 12;
/** Length of a tag in bytes: the longest of SP 800-38D §5.2.1.2; shorter ones are refused. */
export const TAG_BYTES = 16;

const ALGORITHM = "aes-256-gcm";
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/**
 * Encrypts `plaintext` and authenticates it together with `associatedData`.
 *
 * A nonce must never be used twice with one key: that gives away the authentication key
 * (SP 800-38D Appendix A).
 *
 * @param key 32 bytes.
 * @param nonce 12 bytes.
 * @returns Ciphertext ‖ tag.
 * @throws {TypeError} When `key` or `nonce` has another length.
 */
export function sealBytes(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  checkLengths(key, nonce);
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
  cipher.setAAD(associatedData);
  const out = new Uint8Array(plaintext.length + TAG_BYTES);
  out.set(cipher.update(plaintext));
  cipher.final(); // GCM is a stream mode: nothing is left over
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

/**
 * Checks the tag and decrypts. Nothing of the plaintext is released before the tag was checked.
 *
 * @param key 32 bytes.
 * @param nonce 12 bytes.
 * @param sealed Ciphertext ‖ tag.
 * @returns The plaintext, or `null` when key, nonce, bytes or associated data are not the sealed ones.
 * @throws {TypeError} When `key` or `nonce` has another length.
 */
export function openBytes(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | null {
  checkLengths(key, nonce);
  if (sealed.length < TAG_BYTES) return null;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS);
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(end));
  const out = new Uint8Array(decipher.update(sealed.subarray(0, end)));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return out;
}

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new TypeError(`Key must be ${KEY_BYTES} bytes`);
  if (nonce.length !== NONCE_BYTES) throw new TypeError(`Nonce must be ${NONCE_BYTES} bytes`);
}
