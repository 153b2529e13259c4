/**
 * MACs that were found good lately, by one ring.
 *
 * A row that is read again and again is spelled out and authenticated each time, and the HMAC takes
 * longer than all the rest of it. The same bytes under the same MAC and the same key are as good as
 * the last time, so to have them here is enough.
 *
 * @module
 */
import { timingSafeEqual } from "@std/crypto";
import { sameBytes } from "./same_bytes.ts";

/** A power of two. */
const SLOTS = 1024;
/** Longer messages are not kept, bytes. */
const MAX_MESSAGE = 2048;

interface Verified {
  readonly message: Uint8Array;
  readonly tag: Uint8Array;
}

/** A table with one place for each value of some bits of a MAC; what comes later takes the place. */
export class VerifiedMacs {
  readonly #slots = new Array<Verified | undefined>(SLOTS).fill(undefined);

  /** Whether this very message was found good under this very MAC. */
  has(message: Uint8Array, tag: Uint8Array): boolean {
    const found = this.#slots[placeOf(tag)];
    return found !== undefined && sameBytes(found.message, message) &&
      timingSafeEqual(found.tag, tag);
  }

  /** Notes that a message was found good. */
  add(message: Uint8Array, tag: Uint8Array): void {
    if (message.length > MAX_MESSAGE) return;
    this.#slots[placeOf(tag)] = { message: message.slice(), tag: new Uint8Array(tag) };
  }
}

/** By the last bytes: the first ones are the key's id. */
function placeOf(tag: Uint8Array): number {
  return (tag[tag.length - 1]! << 8 | tag[tag.length - 2]!) & (SLOTS - 1);
}
