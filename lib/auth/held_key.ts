/**
 * A service key that was looked up, and the tokens that were shown to be its own.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { sameBytes } from "../crypto/same_bytes.ts";
import type { Principal } from "../principal/principal.ts";
import type { Clock } from "../resolve/fresh_cache.ts";
import type { ServiceKeyRow } from "../store/service_keys.ts";
import type { Caller } from "./caller.ts";
import { AddressSet } from "./cidr.ts";
import { tokenMessage } from "./service_key_rows.ts";

/** A token whose MAC was verified. */
interface Known {
  readonly bytes: Uint8Array;
  /** Epoch ms from which it is no longer good; `Infinity` for the present one. */
  readonly until: number;
}

/** A key in memory. */
export class HeldKey {
  readonly row: ServiceKeyRow;
  readonly principal: Principal;
  /** Whether its use waits to be written down. */
  used = false;
  readonly #addresses: AddressSet | null;
  #known: readonly Known[] = [];

  constructor(row: ServiceKeyRow) {
    this.row = row;
    const { id, grants, expiresAt } = row;
    const expiry = expiresAt === null ? {} : { expiresAt };
    this.principal = { id, kind: "service_key", grants, ...expiry };
    this.#addresses = row.cidrs === null ? null : new AddressSet(row.cidrs);
  }

  /** Whether the key is good from there. */
  allows(caller: Caller): boolean {
    if (this.#addresses === null) return true;
    const { address } = caller;
    return address !== null && this.#addresses.has(address);
  }

  /** Whether `token` was verified before and is still good. Takes a time that depends on lengths. */
  knows(token: string, clock: Clock): boolean {
    for (const { bytes, until } of this.#known) {
      if (equal(bytes, token)) return until === Infinity || clock.wall() < until;
    }
    return false;
  }

  /** Whether `token` is good, and if so, remembers it. Looks at both secrets of a rotation, always. */
  learn(token: string, ring: KeyRing, clock: Clock): boolean {
    if (this.knows(token, clock)) return true;
    const message = tokenMessage(token);
    const { tokenMac, previousMac, previousUntil } = this.row;
    const until = previousUntil?.getTime() ?? 0;
    const isPrevious = ring.verifyMac("token", message, previousMac ?? tokenMac) &&
      previousMac !== null && clock.wall() < until;
    const isPresent = ring.verifyMac("token", message, tokenMac);
    if (!isPresent && !isPrevious) return false;
    const bytes = new TextEncoder().encode(token);
    this.#known = [...this.#known, { bytes, until: isPresent ? Infinity : until }].slice(-2);
    return true;
  }

  /** Whether it was made of just this row. */
  isOf(row: ServiceKeyRow): boolean {
    return sameBytes(this.row.mac, row.mac);
  }
}

/** Compares in a time that depends on the length alone, and makes no copy of the key. */
function equal(bytes: Uint8Array, text: string): boolean {
  let difference = bytes.length ^ text.length;
  for (let i = 0; i < bytes.length; i++) difference |= bytes[i]! ^ text.charCodeAt(i);
  return difference === 0;
}
