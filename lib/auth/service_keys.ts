/**
 * Service keys as people and programs handle them: issuing, showing, replacing and revoking.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { parseGrants } from "../principal/grants.ts";
import { can, type Principal } from "../principal/principal.ts";
import {
  descendantsOf,
  findServiceKeyById,
  holdServiceKey,
  insertServiceKey,
  listServiceKeys,
  type ServiceKeyRow,
  updateServiceKey,
} from "../store/service_keys.ts";
import type { ChangeSet, RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { parseCidrs } from "./cidr.ts";
import {
  administers,
  boundCidrs,
  boundExpiry,
  type Bounds,
  DEFAULT_LIFE_MS,
  exceeds,
} from "./delegation.ts";
import {
  type IssuedServiceKey,
  metadataOf,
  newServiceKey,
  type ServiceKeyMetadata,
  type ServiceKeySpec,
} from "./new_service_key.ts";
import { rotate, type Rotation } from "./rotation.ts";
import {
  changeServiceKeyRow,
  keyEntry,
  tokenMessage,
  verifyServiceKeyRow,
} from "./service_key_rows.ts";
import { generateServiceKey } from "./service_key_text.ts";

export type { IssuedServiceKey, ServiceKeyMetadata, ServiceKeySpec } from "./new_service_key.ts";

/** The longest page of a list. */
export const MAX_KEYS = 1_000;

/** Which keys are listed. */
export interface ListOptions {
  /** Revoked, expired and exchanged ones, too. */
  readonly all?: boolean;
  readonly after?: string;
  readonly limit?: number;
}

/** What {@linkcode ServiceKeys} is made of. */
export interface ServiceKeysParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Those who hold looked-up keys. */
  readonly held: { invalidate(prefix: string | null): void };
  /** Which keys there are; shared with whoever reads them. */
  readonly set: RowSetStore;
  readonly now?: () => Date;
}

/**
 * Issues, lists, rotates and revokes service keys. A key that somebody doesn't hold whole isn't
 * there for them.
 */
export class ServiceKeys {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #held: ServiceKeysParts["held"];
  readonly #set: RowSetStore;
  readonly #now: () => Date;

  constructor({ sql, ring, held, set, now = () => new Date() }: ServiceKeysParts) {
    this.#sql = sql;
    this.#ring = ring;
    this.#held = held;
    this.#set = set;
    this.#now = now;
  }

  /**
   * Makes a key. Nobody can hand on more than they hold, nor for longer, nor to more addresses.
   *
   * @throws {AppError} ACCESS_DENIED without `keys:admin`, or for what isn't held.
   * @throws {AppError} INVALID_INPUT with the rule that is broken.
   */
  async issue(principal: Principal, spec: ServiceKeySpec): Promise<IssuedServiceKey> {
    administer(principal);
    const grants = parseGrants(spec.grants);
    if (!administers(principal, grants)) throw exceeds("a grant");
    const name = parseKeyName(spec.name);
    const cidrs = parseCidrs(spec.cidrs);
    const wanted = spec.expiresAt === undefined ? this.#in(DEFAULT_LIFE_MS) : spec.expiresAt;
    if (wanted !== null && wanted <= this.#now()) throw invalid("expires_at must be to come");
    return await this.#set.transact(this.#sql, async (tx, change) => {
      const bounds = await this.#boundsOf(tx, principal.id);
      const expiresAt = boundExpiry(wanted, bounds, spec.expiresAt !== undefined);
      const bound = { name, grants, expiresAt, cidrs: boundCidrs(cidrs, bounds) };
      const made = { by: principal.id, kind: "key", now: this.#now() } as const;
      const { row, text } = newServiceKey(this.#ring, bound, made);
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.create", actorOf(principal), row));
      return { key: metadataOf(row), text };
    });
  }

  /**
   * Keys that the principal administers, oldest first.
   *
   * @returns The keys, and the id to go on after if there may be more.
   */
  async list(
    principal: Principal,
    { all = false, after, limit = MAX_KEYS }: ListOptions = {},
  ): Promise<{ keys: ServiceKeyMetadata[]; next?: string }> {
    administer(principal);
    const rows = await listServiceKeys(this.#sql, {
      ...(!all && { goodAt: this.#now() }),
      ...(after !== undefined && { after }),
      limit,
    });
    for (const row of rows) verifyServiceKeyRow(this.#ring, row);
    const keys = rows.filter((row) => administers(principal, row.grants)).map(metadataOf);
    const last = rows.at(-1);
    return rows.length < limit || last === undefined ? { keys } : { keys, next: last.id };
  }

  /** @throws {AppError} NOT_FOUND when there is no such key that the principal administers. */
  async find(principal: Principal, id: string): Promise<ServiceKeyMetadata> {
    return metadataOf(await this.#visible(this.#sql, principal, id));
  }

  /**
   * Revokes a key, for good, with every key that was made with it. Revoking a revoked key changes
   * nothing.
   *
   * @param id The key's UUID.
   * @returns The key, and how many others went with it.
   * @throws {AppError} NOT_FOUND when there is no such key.
   */
  async revoke(
    principal: Principal,
    id: string,
  ): Promise<{ key: ServiceKeyMetadata; descendants: number }> {
    const changed: ServiceKeyRow[] = [];
    try {
      return await this.#set.transact(this.#sql, async (tx, change) => {
        const row = await this.#visible(tx, principal, id);
        // First the key itself, so that nobody makes another with it from here on.
        const store = { tx, change, changed, actor: actorOf(principal) };
        const after = await this.#revoke(store, row);
        const made = (await descendantsOf(tx, id)).filter(({ revokedAt }) => revokedAt === null);
        for (const each of made) {
          await this.#revoke(store, verifyServiceKeyRow(this.#ring, each));
        }
        return { key: metadataOf(after), descendants: made.length };
      });
    } finally {
      // Also after an error: a connection that broke may have broken after the commit.
      for (const { prefix } of changed) this.#held.invalidate(prefix);
    }
  }

  /**
   * Gives a key a new secret. The old one stays good for a while, so that what uses it can change
   * over.
   *
   * @throws {AppError} NOT_FOUND when there is no such key, CONFLICT when it is no longer good.
   * @throws {AppError} ACCESS_DENIED when the new expiry is beyond one's own or the maker's.
   */
  async rotate(principal: Principal, id: string, rotation: Rotation): Promise<IssuedServiceKey> {
    let prefix: string | undefined;
    try {
      return await this.#set.transact(this.#sql, async (tx, change) => {
        const actor = actorOf(principal);
        const before = await this.#visible(tx, principal, id);
        prefix = before.prefix;
        const text = generateServiceKey(prefix).text;
        const columns = rotate(before, rotation, {
          now: this.#now(),
          bounds: [
            await this.#boundsOf(tx, principal.id),
            await this.#boundsOf(tx, before.createdBy),
          ],
          tokenMac: this.#ring.mac("token", tokenMessage(text)),
        });
        const after = changeServiceKeyRow(this.#ring, before, columns);
        await this.#store(tx, change, before, after, keyEntry("key.rotate", actor, after));
        return { key: metadataOf(after), text };
      });
    } finally {
      if (prefix !== undefined) this.#held.invalidate(prefix);
    }
  }

  /** The bounds of the key of the principal `id`, if it has one, as it is stored at this moment. */
  async #boundsOf(tx: Sql, id: string | null): Promise<Bounds> {
    const own = id === null ? undefined : await holdServiceKey(tx, id);
    if (own === undefined) return { expiresAt: null, cidrs: null };
    verifyServiceKeyRow(this.#ring, own);
    if (own.revokedAt !== null) throw exceeds("a key of a revoked key");
    return own;
  }

  async #visible(sql: Sql, principal: Principal, id: string): Promise<ServiceKeyRow> {
    administer(principal);
    const row = await findServiceKeyById(sql, id);
    if (row === undefined || !administers(principal, verifyServiceKeyRow(this.#ring, row).grants)) {
      throw new AppError("NOT_FOUND", "Service key not found");
    }
    return row;
  }

  async #revoke(
    { tx, change, changed, actor }: Revoking,
    before: ServiceKeyRow,
  ): Promise<ServiceKeyRow> {
    if (before.revokedAt !== null) return before;
    changed.push(before);
    const after = changeServiceKeyRow(this.#ring, before, { revokedAt: this.#now() });
    await this.#store(tx, change, before, after, keyEntry("key.revoke", actor, after));
    return after;
  }

  async #store(
    tx: Sql,
    change: ChangeSet,
    before: ServiceKeyRow,
    after: ServiceKeyRow,
    entry: AuditEntry,
  ): Promise<void> {
    if (!await updateServiceKey(tx, before, after)) {
      throw new AppError("CONFLICT", "Service key was changed meanwhile");
    }
    await change([{ before, after }], entry);
  }

  #in(ms: number): Date {
    return new Date(this.#now().getTime() + ms);
  }
}

/** A revocation under way. */
interface Revoking {
  readonly tx: Sql;
  readonly change: ChangeSet;
  readonly changed: ServiceKeyRow[];
  readonly actor: Actor;
}

function parseKeyName(text: string): string {
  if (/^[\x20-\x7e]{1,100}$/.test(text)) return text;
  throw invalid("Name of a key must be 1 to 100 printable ASCII characters");
}

function administer(principal: Principal): void {
  if (can(principal, "keys:admin")) return;
  throw new AppError("ACCESS_DENIED", "Insufficient permissions: keys:admin is not granted");
}

function invalid(message: string): AppError {
  return new AppError("INVALID_INPUT", message);
}
