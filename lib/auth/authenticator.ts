/**
 * Whose key is this? Answered without a query and without waiting for a key that was seen before.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import { type Clock, FreshCache, systemClock } from "../resolve/fresh_cache.ts";
import { claimedId, SERVICE_KEY_LENGTH, serviceKeyId } from "./service_key_text.ts";
import { tokenMessage, verifyServiceKeyRow } from "./service_keys.ts";
import { findServiceKey, type ServiceKeyRow } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";

/** What an {@linkcode Authenticator} is made of. */
export interface AuthenticatorParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /**
   * How long a looked-up key counts as current, in ms. Default 1,000, for a database that other
   * processes write to; `Infinity` when this process is the only writer.
   */
  readonly freshMs?: number;
  readonly clock?: Clock;
}

/** A key that was looked up. */
interface Held {
  readonly row: ServiceKeyRow;
  readonly principal: Principal;
  /** The characters of the key, once it was shown and its MAC verified. */
  token: Uint8Array | undefined;
}

/** Tells the principal of a service key. */
export class Authenticator {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #cache: FreshCache<Held>;
  /** What an unknown id is compared with, so that it costs the same as a known one. */
  readonly #nobody: Uint8Array;

  constructor({ sql, ring, freshMs = 1_000, clock = systemClock }: AuthenticatorParts) {
    this.#sql = sql;
    this.#ring = ring;
    this.#nobody = ring.mac("token", tokenMessage(""));
    this.#cache = new FreshCache<Held>({
      load: (id, previous) => this.#load(id, previous, clock),
      validUntil: ({ row }) => row.expiresAt?.getTime() ?? Infinity,
      freshMs,
      clock,
    });
  }

  /** The principal of a key that was verified before and is certainly still good; never waits. */
  cached(token: string): Principal | undefined {
    if (token.length !== SERVICE_KEY_LENGTH) return undefined;
    const held = this.#cache.peek(claimedId(token));
    if (held?.token === undefined || !equal(held.token, token)) return undefined;
    return held.principal;
  }

  /**
   * The principal of a key.
   *
   * @throws {AppError} AUTHENTICATION_REQUIRED for every key that isn't good, whatever is wrong.
   * @throws {AppError} INTEGRITY_VIOLATION when the key's row was changed from outside.
   */
  async authenticate(token: string): Promise<Principal> {
    const cached = this.cached(token);
    if (cached !== undefined) return cached;
    const id = serviceKeyId(token);
    if (id === null) throw invalidKey();
    const held = await this.#find(id);
    const genuine = this.#ring.verifyMac(
      "token",
      tokenMessage(token),
      held?.row.tokenMac ?? this.#nobody,
    );
    if (held === undefined || !genuine) throw invalidKey();
    held.token ??= new TextEncoder().encode(token);
    return held.principal;
  }

  /** Makes every later call look the key with this prefix, or every key (`null`), up again. */
  invalidate(prefix: string | null): void {
    this.#cache.invalidate(prefix);
  }

  async #find(id: string): Promise<Held | undefined> {
    try {
      return await this.#cache.get(id);
    } catch (error) {
      if (error instanceof AppError && error.code === "AUTHENTICATION_REQUIRED") return undefined;
      throw error;
    }
  }

  async #load(id: string, previous: Held | undefined, clock: Clock): Promise<Held> {
    const row = await findServiceKey(this.#sql, id);
    if (row === undefined) throw invalidKey();
    verifyServiceKeyRow(this.#ring, row);
    const expired = row.expiresAt !== null && row.expiresAt.getTime() <= clock.wall();
    if (expired || row.revokedAt !== null) throw invalidKey();
    if (previous !== undefined && sameBytes(previous.row.mac, row.mac)) return previous;
    return {
      row,
      principal: { id: row.id, kind: "service_key", grants: row.grants },
      token: undefined,
    };
  }
}

/** Compares in a time that depends on the length alone, and makes no copy of the key. */
function equal(bytes: Uint8Array, text: string): boolean {
  let difference = bytes.length ^ text.length;
  for (let i = 0; i < bytes.length; i++) difference |= bytes[i]! ^ text.charCodeAt(i);
  return difference === 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function invalidKey(): AppError {
  return new AppError("AUTHENTICATION_REQUIRED", "Invalid service key");
}
