/**
 * The key ring in memory: what can be done with its keys.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { timingSafeEqual } from "@std/crypto";
import { AppError } from "../errors.ts";
import { KEY_BYTES, NONCE_BYTES, openBytes, sealBytes } from "./aead.ts";
import { encodeEnvelope, KEY_ID_BYTES, macKeyId, parseEnvelope, SALT_BYTES } from "./envelope.ts";
import { hkdf } from "./hkdf.ts";
import { HmacKey } from "./hmac.ts";
import { Plaintext } from "./plaintext.ts";
import { VerifiedMacs } from "./verified_macs.ts";
import type { KeyInfo, KeyPurpose } from "./wrap.ts";

/** The purposes whose keys make MACs. */
export type MacPurpose = Exclude<KeyPurpose, "value">;

/** A key in the clear. */
export interface RingKey extends KeyInfo {
  readonly bytes: Uint8Array;
}

const CONTENT_INFO = "fluxbase-envelope-v1";
const OWNER_INFO = "fluxbase-user-settings-v1";
/** Length of a MAC with its key id, in bytes. */
const MAC_BYTES = KEY_ID_BYTES + 32;

/** Options of {@linkcode KeyRing.seal} and {@linkcode KeyRing.open}. */
export interface SealOptions {
  /**
   * Id of the user whose value it is: it is sealed under a key derived for that user alone. Not
   * empty, and without NUL, with which an HMAC key may be lengthened unnoticed (RFC 2104 §2).
   */
  readonly owner?: string;
}

/** An open key ring. */
export interface KeyRing {
  /** The id of the key that new output of `purpose` is made with. */
  primaryId(purpose: KeyPurpose): string;
  /** Tells whether there is a key with this id, whatever it is for. */
  knows(keyId: string): boolean;
  /**
   * Seals a value under the primary value key.
   *
   * @param associatedData Canonical bytes of what the value belongs to; opening asks for the same.
   * @returns The envelope's bytes, 53 more than the value's.
   */
  seal(plaintext: Plaintext, associatedData: Uint8Array, options?: SealOptions): Uint8Array;
  /**
   * Opens an envelope.
   *
   * @param associatedData The same bytes as when it was sealed.
   * @param options The same as when it was sealed.
   * @throws {AppError} SECRET_UNREADABLE whatever is wrong: format, key, bytes, owner or associated
   * data.
   */
  open(envelope: Uint8Array, associatedData: Uint8Array, options?: SealOptions): Plaintext;
  /**
   * Authenticates `message` under the primary key of `purpose`.
   *
   * @param message Canonical bytes with a domain of their own.
   * @returns Key id (8 bytes) ‖ HMAC-SHA256 (32 bytes).
   */
  mac(purpose: MacPurpose, message: Uint8Array): Uint8Array;
  /**
   * Tells whether `tag` is a MAC of `message` by a key of `purpose`. Never throws on a bad tag, and
   * takes the same time wherever the first difference is.
   */
  verifyMac(purpose: MacPurpose, message: Uint8Array, tag: Uint8Array): boolean;
  /**
   * A pseudo-random function of `message` under one key, for what stays between the ring and its
   * user: unlike a MAC it isn't shown, and so doesn't carry the key's id.
   *
   * @param keyId 16 hex digits; a key of `purpose` that is not disabled.
   * @returns 32 bytes, or `null` when the ring has no such key.
   */
  prf(purpose: MacPurpose, keyId: string, message: Uint8Array): Uint8Array | null;
}

/** A key that makes MACs, ready for it. */
interface MacMaker {
  readonly id: Uint8Array;
  readonly hmac: HmacKey;
}

/** A ring of these keys. It is a value: a changed ring is a new one. */
class FixedRing implements KeyRing {
  readonly #keys: ReadonlyMap<string, RingKey>;
  readonly #primaries: ReadonlyMap<KeyPurpose, RingKey>;
  readonly #makers = new Map<RingKey, MacMaker>();
  readonly #verifiedRows = new VerifiedMacs();

  constructor(keys: readonly RingKey[]) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#primaries = new Map(
      keys.filter((key) => key.status === "primary").map((key) => [key.purpose, key]),
    );
  }

  primaryId(purpose: KeyPurpose): string {
    return this.#primary(purpose).id;
  }

  knows(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  seal(
    plaintext: Plaintext,
    associatedData: Uint8Array,
    options: SealOptions = {},
  ): Uint8Array {
    const key = this.#primary("value");
    const salt = randomBytes(SALT_BYTES);
    const nonce = randomBytes(NONCE_BYTES);
    const content = contentKey(key, salt, options);
    const sealed = sealBytes(content, nonce, plaintext.revealBytes(), associatedData);
    return encodeEnvelope({ keyId: key.id, salt, nonce, sealed });
  }

  open(
    envelope: Uint8Array,
    associatedData: Uint8Array,
    options: SealOptions = {},
  ): Plaintext {
    const parsed = parseEnvelope(envelope);
    if (parsed === null) throw new AppError("SECRET_UNREADABLE", "Sealed value does not open");
    const key = this.#readable(parsed.keyId, "value");
    const bytes = key && openBytes(
      contentKey(key, parsed.salt, options),
      parsed.nonce,
      parsed.sealed,
      associatedData,
    );
    if (!bytes) {
      throw new AppError("SECRET_UNREADABLE", `Sealed value does not open (key ${parsed.keyId})`);
    }
    return Plaintext.fromBytes(bytes);
  }

  mac(purpose: MacPurpose, message: Uint8Array): Uint8Array {
    return this.#tag(this.#primary(purpose), message);
  }

  verifyMac(purpose: MacPurpose, message: Uint8Array, tag: Uint8Array): boolean {
    if (tag.length !== MAC_BYTES) return false;
    // Of rows alone, which are read again and again; the messages of tokens have the tokens in them.
    const isRow = purpose === "row";
    if (isRow && this.#verifiedRows.has(message, tag)) return true;
    const key = this.#readable(macKeyId(tag), purpose);
    const isGood = key !== null && timingSafeEqual(this.#tag(key, message), new Uint8Array(tag));
    if (isGood && isRow) this.#verifiedRows.add(message, tag);
    return isGood;
  }

  prf(purpose: MacPurpose, keyId: string, message: Uint8Array): Uint8Array | null {
    const key = this.#readable(keyId, purpose);
    return key && this.#maker(key).hmac.sign(message);
  }

  #tag(key: RingKey, message: Uint8Array): Uint8Array {
    const { id, hmac } = this.#maker(key);
    const tag = new Uint8Array(MAC_BYTES);
    tag.set(id);
    tag.set(hmac.sign(message), KEY_ID_BYTES);
    return tag;
  }

  #maker(key: RingKey): MacMaker {
    let maker = this.#makers.get(key);
    if (maker === undefined) {
      maker = { id: Uint8Array.fromHex(key.id), hmac: new HmacKey(key.bytes) };
      this.#makers.set(key, maker);
    }
    return maker;
  }

  #primary(purpose: KeyPurpose): RingKey {
    const key = this.#primaries.get(purpose);
    if (key === undefined) throw new TypeError(`Key ring has no primary key for ${purpose}`);
    return key;
  }

  #readable(id: string, purpose: KeyPurpose): RingKey | null {
    const key = this.#keys.get(id);
    return key && key.purpose === purpose && key.status !== "disabled" ? key : null;
  }
}

/** Makes a ring of keys whose stored form keeps the rules of `checkInvariants`. */
export function ringOf(keys: readonly RingKey[]): KeyRing {
  return new FixedRing(keys);
}

/** Makes a new primary key: random bytes under a random id. */
export function newRingKey(purpose: KeyPurpose, now: Date): RingKey {
  const id = randomBytes(KEY_ID_BYTES).toString("hex");
  const bytes = new Uint8Array(randomBytes(KEY_BYTES));
  return { id, purpose, status: "primary", createdAt: now, bytes };
}

function contentKey(key: RingKey, salt: Uint8Array, { owner }: SealOptions): Uint8Array {
  const above = owner === undefined
    ? key.bytes
    : hkdf(key.bytes, new TextEncoder().encode(owner), OWNER_INFO, KEY_BYTES);
  return hkdf(above, salt, CONTENT_INFO, KEY_BYTES);
}
