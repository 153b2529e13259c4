/**
 * The ring that everybody holds while it changes: it asks whichever ring is the present one.
 *
 * @module
 */
import type { KeyRing, MacPurpose, SealOptions } from "../crypto/keyring.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import type { KeyPurpose } from "../crypto/wrap.ts";

/**
 * A ring that can be replaced. Each call is answered by one ring as a whole; since what it makes
 * carries the key's id, it may be replaced between any two calls.
 */
export class LiveKeyRing implements KeyRing {
  #ring: KeyRing;
  readonly #seals = new Map<string, number>();

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /** Puts another ring in the place of the present one. */
  replace(ring: KeyRing): void {
    this.#ring = ring;
  }

  /** How many values were sealed since this was asked last, by key id. */
  takeSeals(): Map<string, number> {
    const seals = new Map(this.#seals);
    this.#seals.clear();
    return seals;
  }

  primaryId(purpose: KeyPurpose): string {
    return this.#ring.primaryId(purpose);
  }

  knows(keyId: string): boolean {
    return this.#ring.knows(keyId);
  }

  seal(plaintext: Plaintext, associatedData: Uint8Array, options?: SealOptions): Uint8Array {
    const id = this.#ring.primaryId("value");
    this.#seals.set(id, (this.#seals.get(id) ?? 0) + 1);
    return this.#ring.seal(plaintext, associatedData, options);
  }

  open(envelope: Uint8Array, associatedData: Uint8Array, options?: SealOptions): Plaintext {
    return this.#ring.open(envelope, associatedData, options);
  }

  mac(purpose: MacPurpose, message: Uint8Array): Uint8Array {
    return this.#ring.mac(purpose, message);
  }

  verifyMac(purpose: MacPurpose, message: Uint8Array, tag: Uint8Array): boolean {
    return this.#ring.verifyMac(purpose, message, tag);
  }

  prf(purpose: MacPurpose, keyId: string, message: Uint8Array): Uint8Array | null {
    return this.#ring.prf(purpose, keyId, message);
  }
}
