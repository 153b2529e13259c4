/**
 * Root keys: what an operator gives the server to unlock the key ring, and nothing else.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { AppError } from "../errors.ts";
import { KEY_BYTES } from "./aead.ts";
import { KEY_ID_BYTES } from "./envelope.ts";
import { hkdf } from "./hkdf.ts";

const ID_INFO = "fluxbase-root-id-v1";
const NO_SALT = new Uint8Array(0);
const HEX = /^[0-9A-Fa-f]{64}$/;
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/;
const BASE64URL = /^[A-Za-z0-9_-]{43}=?$/;

/** A root key. It never encrypts anything itself: keys for that are derived from it. */
export class RootKey {
  /** Names the key in messages and in stored rows: 16 hex digits that reveal nothing of it. */
  readonly id: string;
  readonly #bytes: Uint8Array;

  /**
   * Takes a root key.
   *
   * @param bytes 32 random bytes; they are copied.
   * @throws {TypeError} When the length is another.
   */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== KEY_BYTES) throw new TypeError(`Root key must be ${KEY_BYTES} bytes`);
    this.#bytes = new Uint8Array(bytes);
    this.id = hkdf(this.#bytes, NO_SALT, ID_INFO, KEY_ID_BYTES).toHex();
  }

  /** Derives the 32-byte key for one use, named by `info`. */
  derive(info: string): Uint8Array {
    return hkdf(this.#bytes, NO_SALT, info, KEY_BYTES);
  }
}

/**
 * Reads a comma-separated list of root keys: the first one is active, the others only open.
 *
 * Each is 32 random bytes as base64, base64url or 64 hex digits, or a text of exactly 32 bytes
 * that is used as it is. Space around an entry is dropped; a text that has 32 bytes as a whole is
 * one raw key, with its commas and spaces.
 *
 * @throws {AppError} CONFIG_INVALID when an entry breaks the rule or a key comes twice.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generateRootKey, parseRootKeys } from "./root_key.ts";
 *
 * const keys = parseRootKeys(`${generateRootKey().text},${generateRootKey().text}`);
 * assertEquals(keys.length, 2);
 * ```
 */
export function parseRootKeys(text: string): RootKey[] {
  const line = text.replace(/\r?\n$/, "");
  const whole = rawBytes(line);
  if (whole !== null) return [new RootKey(whole)];
  const keys = line.split(",").map((entry, index) => parseEntry(entry.trim(), index + 1));
  if (new Set(keys.map((key) => key.id)).size < keys.length) {
    throw new AppError("CONFIG_INVALID", "Root keys must differ from each other");
  }
  return keys;
}

/** Makes a new random root key, as base64 text to be stored by the operator. */
export function generateRootKey(): { text: string } {
  return { text: randomBytes(KEY_BYTES).toString("base64") };
}

function parseEntry(entry: string, position: number): RootKey {
  const bytes = decodeEntry(entry) ?? rawBytes(entry);
  if (bytes === null) {
    throw new AppError(
      "CONFIG_INVALID",
      `Root key ${position} must be 32 random bytes as base64, base64url or 64 hex digits, ` +
        "or a text of exactly 32 bytes",
    );
  }
  return new RootKey(bytes);
}

function decodeEntry(entry: string): Uint8Array | null {
  if (HEX.test(entry)) return Uint8Array.fromHex(entry);
  if (BASE64.test(entry)) return decodeBase64(entry, "base64");
  if (BASE64URL.test(entry)) return decodeBase64(entry, "base64url");
  return null;
}

function decodeBase64(text: string, alphabet: "base64" | "base64url"): Uint8Array | null {
  try {
    // Strict: the unused bits of the last digit must be 0, so one key has one spelling.
    const padded = text.padEnd(44, "=");
    return Uint8Array.fromBase64(padded, { alphabet, lastChunkHandling: "strict" });
  } catch {
    return null;
  }
}

function rawBytes(text: string): Uint8Array | null {
  const bytes = new TextEncoder().encode(text);
  return bytes.length === KEY_BYTES ? bytes : null;
}
