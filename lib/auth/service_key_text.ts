/**
 * How a service key is spelled: `fxsk_<id, 8>_<secret, 43>_<checksum, 6>`, all base62.
 *
 * The id is public and finds the row; the secret has 256 bits; the checksum tells a typo from a
 * wrong key without asking the database, and lets scanners recognise a key in a repository.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = 62n;
const PREFIX = "fxsk_";
const ID_LENGTH = 8;
/** 62^43 > 2^256. */
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const SECRET_BYTES = 32;
const SHAPE = /^fxsk_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/;

/** The length of every service key. */
export const SERVICE_KEY_LENGTH = PREFIX.length + ID_LENGTH + 1 + SECRET_LENGTH + 1 +
  CHECKSUM_LENGTH;

/** A new service key. */
export interface ServiceKeyText {
  /** The public part that finds its row. */
  readonly id: string;
  /** The key itself. */
  readonly text: string;
}

/**
 * Makes a new random service key.
 *
 * @param id The id to keep, when only the secret is to be new.
 */
export function generateServiceKey(
  // 62^8 is no power of two: the id's slight bias is harmless, since it is public.
  id: string = base62(randomBytes(16), ID_LENGTH),
): ServiceKeyText {
  const body = `${PREFIX}${id}_${base62(randomBytes(SECRET_BYTES), SECRET_LENGTH)}_`;
  return { id, text: body + checksum(body) };
}

/**
 * Reads the id out of a service key.
 *
 * @returns `null` when the text is no service key, or was mistyped.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generateServiceKey, serviceKeyId } from "./service_key_text.ts";
 *
 * const { id, text } = generateServiceKey();
 * assertEquals(serviceKeyId(text), id);
 * assertEquals(serviceKeyId(text.slice(0, -1)), null);
 * ```
 */
export function serviceKeyId(text: string): string | null {
  if (!SHAPE.test(text)) return null;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return body + checksum(body) === text ? claimedId(text) : null;
}

/** Tells whether a text is meant to be a service key. */
export function isServiceKeyLike(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** The id that a text of the right length has, if it is a service key. Checks nothing. */
export function claimedId(text: string): string {
  return text.slice(PREFIX.length, PREFIX.length + ID_LENGTH);
}

function checksum(body: string): string {
  return base62(createHash("sha256").update(body).digest().subarray(0, 8), CHECKSUM_LENGTH);
}

/** The last `length` digits of a number given in bytes. */
function base62(bytes: Uint8Array, length: number): string {
  let rest = BigInt(`0x${new Uint8Array(bytes).toHex()}`);
  let text = "";
  for (let i = 0; i < length; i++) {
    text = ALPHABET[Number(rest % BASE)] + text;
    rest /= BASE;
  }
  return text;
}
