/**
 * Whose key is this? Answered without a query and without waiting for a key that was seen before.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { EVERYTHING, type Principal } from "../principal/principal.ts";
import { type Clock, FreshCache, systemClock } from "../resolve/fresh_cache.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { RowSetStore } from "../store/row_sets.ts";
import {
  findServiceKey,
  findServiceKeyEvenly,
  SERVICE_KEYS_SET,
  type ServiceKeyRow,
} from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import { type Caller, NOWHERE } from "./caller.ts";
import { HeldKey } from "./held_key.ts";
import { signServiceKeyRow, tokenMessage, verifyServiceKeyRow } from "./service_key_rows.ts";
import { claimedId, SERVICE_KEY_LENGTH, serviceKeyId } from "./service_key_text.ts";

const NOBODY = "00000000-0000-0000-0000-000000000000";

/** What an {@linkcode Authenticator} is made of. */
export interface AuthenticatorParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /**
   * How long a looked-up key counts as current, in ms. Default 1,000, for a database that other
   * processes write to; `Infinity` when this process is the only writer.
   */
  readonly freshMs?: number;
  /** How long after its last check a known key is good during an outage. Default 300,000 ms. */
  readonly maxStaleMs?: number;
  /** Which keys there are; shared with whoever changes them. */
  readonly set?: RowSetStore;
  /** Told of each key that was looked up and found good, with its row. */
  readonly onVerified?: (row: ServiceKeyRow, token: string) => void;
  readonly clock?: Clock;
}

/** Tells the principal of a service key. */
export class Authenticator {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #set: RowSetStore;
  readonly #clock: Clock;
  readonly #cache: FreshCache<HeldKey>;
  /** What an unknown id is compared with, so that it costs the same as a known one. */
  #nobody: ServiceKeyRow;
  readonly #onVerified: (row: ServiceKeyRow, token: string) => void;
  #used: HeldKey[] = [];

  constructor(parts: AuthenticatorParts) {
    const { sql, ring, freshMs = 1_000, maxStaleMs = 300_000, set, clock = systemClock } = parts;
    this.#sql = sql;
    this.#ring = ring;
    this.#set = set ?? new RowSetStore(SERVICE_KEYS_SET, { ring, watch: new HeadWatch() });
    this.#clock = clock;
    this.#nobody = nobody(ring);
    this.#onVerified = parts.onVerified ?? (() => {});
    this.#cache = new FreshCache<HeldKey>({
      load: (id, previous) => this.#load(id, previous),
      validUntil: ({ row }) => row.expiresAt?.getTime() ?? Infinity,
      // While nobody can ask the database, nobody can revoke a key in it either.
      isOutage: (error) => error instanceof AppError && error.code === "STORE_UNAVAILABLE",
      maxStaleMs,
      freshMs,
      clock,
    });
  }

  /** The principal of a key that was verified before and is certainly still good; never waits. */
  cached(token: string, caller: Caller = NOWHERE): Principal | undefined {
    if (token.length !== SERVICE_KEY_LENGTH) return undefined;
    const held = this.#cache.peek(claimedId(token));
    if (held === undefined || !held.knows(token, this.#clock)) return undefined;
    if (!held.allows(caller)) return undefined;
    this.#note(held);
    return held.principal;
  }

  /** Whether this very key was verified before, though it may be revoked by now; never waits. */
  remembers(token: string): boolean {
    if (token.length !== SERVICE_KEY_LENGTH) return false;
    return this.#cache.held(claimedId(token))?.knows(token, this.#clock) ?? false;
  }

  /**
   * The principal of a key.
   *
   * @throws {AppError} AUTHENTICATION_REQUIRED for every key that isn't good, whatever is wrong.
   * @throws {AppError} INTEGRITY_VIOLATION when the key's row was changed from outside.
   */
  async authenticate(token: string, caller: Caller = NOWHERE): Promise<Principal> {
    const cached = this.cached(token, caller);
    if (cached !== undefined) return cached;
    const id = serviceKeyId(token);
    if (id === null) throw invalidKey();
    // A key that wasn't verified before is looked up past the cache, whether its id is known or not:
    // so a wrong key takes as long as an unknown one, and no flood of keys drives out good ones.
    if (!this.remembers(token)) await this.#verify(id, token);
    const held = await this.#cache.get(id);
    if (!held.learn(token, this.#ring, this.#clock) || !held.allows(caller)) throw invalidKey();
    this.#note(held);
    this.#onVerified(held.row, token);
    return held.principal;
  }

  /**
   * Makes every later call look the key with this prefix, or every key (`null`), up again. To be
   * called with `null`, too, when the ring has changed.
   */
  invalidate(prefix: string | null): void {
    if (prefix === null) this.#nobody = nobody(this.#ring);
    this.#cache.invalidate(prefix);
  }

  /** Has every key looked up again before it is good, save during an outage: news was missed. */
  doubt(): void {
    this.#cache.doubt(null);
  }

  /** The ids of the keys that were used since the last call. */
  takeUses(): string[] {
    const used = this.#used;
    this.#used = [];
    for (const held of used) held.used = false;
    return [...new Set(used.map(({ row }) => row.id))];
  }

  #note(held: HeldKey): void {
    if (held.used) return;
    held.used = true;
    this.#used.push(held);
  }

  /** Does the same work for an id that nobody has as for one with another secret. */
  async #verify(id: string, token: string): Promise<void> {
    const row = await findServiceKeyEvenly(this.#sql, id);
    const compared = row ?? this.#nobody;
    verifyServiceKeyRow(this.#ring, compared);
    const genuine = new HeldKey(compared).learn(token, this.#ring, this.#clock);
    if (row === undefined || !genuine) throw invalidKey();
  }

  async #load(id: string, previous: HeldKey | undefined): Promise<HeldKey> {
    const row = await this.#set.read(this.#sql, async () => {
      const found = await findServiceKey(this.#sql, id);
      return found && verifyServiceKeyRow(this.#ring, found);
    });
    if (row === undefined) throw invalidKey();
    const expired = row.expiresAt !== null && row.expiresAt.getTime() <= this.#clock.wall();
    if (expired || row.revokedAt !== null) throw invalidKey();
    return previous?.isOf(row) ? previous : new HeldKey(row);
  }
}

/** A key that exists nowhere else; its row verifies, and no token does. */
function nobody(ring: KeyRing): ServiceKeyRow {
  return signServiceKeyRow(ring, {
    id: NOBODY,
    prefix: "00000000",
    name: "nobody",
    kind: "key",
    tokenMac: ring.mac("token", tokenMessage("")),
    previousMac: null,
    previousUntil: null,
    grants: [EVERYTHING],
    cidrs: null,
    createdAt: new Date(0),
    createdBy: NOBODY,
    expiresAt: new Date(0),
    revokedAt: null,
  });
}

function invalidKey(): AppError {
  return new AppError("AUTHENTICATION_REQUIRED", "Invalid service key");
}
