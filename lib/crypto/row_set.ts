/**
 * A keyed, incremental hash of a set of rows: adding or removing one costs the same however many
 * there are.
 *
 * This is MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, "Incremental Multiset Hash
 * Functions and Their Application to Memory Integrity Checking" (ASIACRYPT 2003), with HMAC-SHA256
 * as its keyed function: each row counts as a secret pseudo-random number, and a set is the sum of
 * them modulo 2^256. What is stored of it is `key id (8) ‖ nonce (16) ‖ sum + mask`, where the mask
 * is another pseudo-random number, of the nonce and of what the set belongs to.
 *
 * Neither can be left out. Were the rows' numbers public (the rows' MACs themselves, say), or could
 * they be read off two stored sums, somebody who keeps old copies of rows could look for another
 * choice of copies with the same sum: Wagner's generalised birthday search ("A Generalized Birthday
 * Problem", CRYPTO 2002) takes some 2^32 steps for that. As it is, nothing is learnt from what is
 * stored, and a guess succeeds once in 2^256.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { timingSafeEqual } from "@std/crypto";
import { canonical, type Field } from "./canonical.ts";
import { KEY_ID_BYTES, macKeyId } from "./envelope.ts";
import type { KeyRing } from "./keyring.ts";

const ROW = "fluxbase/set/row/v1";
const MASK = "fluxbase/set/mask/v1";
const NONCE_AT = KEY_ID_BYTES;
const SUM_AT = NONCE_AT + 16;
/** Length of a stored sum in bytes. */
export const DIGEST_BYTES: number = SUM_AT + 32;
const MODULUS = 1n << 256n;

/** A set of rows by their MACs. It is a value: a changed set is a new one. */
export class RowSet {
  /** The set without a row. */
  static readonly EMPTY: RowSet = new RowSet(0, 0n);

  /** How many rows there are. */
  readonly count: number;
  readonly #sum: bigint;

  private constructor(count: number, sum: bigint) {
    this.count = count;
    this.#sum = ((sum % MODULUS) + MODULUS) % MODULUS;
  }

  /**
   * The set of the rows with these MACs.
   *
   * @throws {TypeError} When a MAC names a key that the ring doesn't have: verify the rows first.
   */
  static of(ring: KeyRing, macs: readonly Uint8Array[]): RowSet {
    return new RowSet(macs.length, macs.reduce((sum, mac) => sum + numberOf(ring, mac), 0n));
  }

  /**
   * Opens a stored sum.
   *
   * @param digest What {@linkcode RowSet.seal} returned.
   * @param context The same fields as when it was sealed; other ones give another, useless set.
   * @returns `null` when the bytes are none of its making, or their key is gone.
   */
  static open(
    ring: KeyRing,
    count: number,
    digest: Uint8Array,
    context: readonly Field[],
  ): RowSet | null {
    if (digest.length !== DIGEST_BYTES) return null;
    const keyId = macKeyId(digest);
    const mask = maskOf(ring, keyId, digest.slice(NONCE_AT, SUM_AT), context);
    return mask === null ? null : new RowSet(count, toNumber(digest.slice(SUM_AT)) - mask);
  }

  /**
   * The set with one row more.
   *
   * @throws {TypeError} When the MAC names a key that the ring doesn't have.
   */
  with(ring: KeyRing, mac: Uint8Array): RowSet {
    return new RowSet(this.count + 1, this.#sum + numberOf(ring, mac));
  }

  /**
   * The set with one row less. Removing a row that isn't in it gives a set that no rows have.
   *
   * @throws {TypeError} When the MAC names a key that the ring doesn't have.
   */
  without(ring: KeyRing, mac: Uint8Array): RowSet {
    return new RowSet(this.count - 1, this.#sum - numberOf(ring, mac));
  }

  /** Tells whether the rows are the same; the time tells nothing about where they differ. */
  equals(other: RowSet): boolean {
    return this.count === other.count && timingSafeEqual(toBytes(this.#sum), toBytes(other.#sum));
  }

  /**
   * The sum as it is stored, different each time.
   *
   * @param context What the set belongs to.
   */
  seal(ring: KeyRing, context: readonly Field[]): Uint8Array {
    const keyId = ring.primaryId("row");
    const nonce = new Uint8Array(randomBytes(SUM_AT - NONCE_AT));
    const out = new Uint8Array(DIGEST_BYTES);
    out.set(Uint8Array.fromHex(keyId));
    out.set(nonce, NONCE_AT);
    out.set(toBytes((this.#sum + maskOf(ring, keyId, nonce, context)!) % MODULUS), SUM_AT);
    return out;
  }
}

/** A row's number, under the key that made its MAC: it stays the same when another becomes primary. */
function numberOf(ring: KeyRing, mac: Uint8Array): bigint {
  const keyId = macKeyId(mac);
  const bytes = ring.prf("row", keyId, canonical(ROW, [mac]));
  if (bytes === null) throw new TypeError(`Key ring has no row key ${keyId}`);
  return toNumber(bytes);
}

function maskOf(
  ring: KeyRing,
  keyId: string,
  nonce: Uint8Array,
  context: readonly Field[],
): bigint | null {
  const bytes = ring.prf("row", keyId, canonical(MASK, [nonce, ...context]));
  return bytes && toNumber(bytes);
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${new Uint8Array(bytes).toHex()}`);
}

function toBytes(sum: bigint): Uint8Array {
  return Uint8Array.fromHex(sum.toString(16).padStart(64, "0"));
}
