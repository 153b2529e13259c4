/**
 * Service keys: issuing, showing, replacing and revoking.
 *
 * @module
 */
import { actorOf, SYSTEM } from "../audit/actor.ts";
import type { Actor, AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { parseGrants } from "../principal/grants.ts";
import {
  can,
  EVERYTHING,
  type Grant,
  type Origin,
  type Principal,
} from "../principal/principal.ts";
import {
  descendantsOf,
  findServiceKeyById,
  hasServiceKeys,
  holdServiceKey,
  insertServiceKey,
  listServiceKeys,
  purgeExchangedKeys,
  SERVICE_KEYS_SET,
  type ServiceKeyKind,
  type ServiceKeyRow,
  updateServiceKey,
} from "../store/service_keys.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { type ChangeSet, RowSetStore } from "../store/row_sets.ts";
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
import { rotate, type Rotation } from "./rotation.ts";
import {
  changeServiceKeyRow,
  keyEntry,
  signServiceKeyRow,
  tokenMessage,
  verifyServiceKeyRow,
} from "./service_key_rows.ts";
import { generateServiceKey } from "./service_key_text.ts";

/** The longest page of a list. */
export const MAX_KEYS = 1_000;

/** What a key is to be. */
export interface ServiceKeySpec {
  /** What people call it. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** `null` for never; left out, in 90 days or with the maker's key, whichever is sooner. */
  readonly expiresAt?: Date | null;
  /** CIDR ranges; left out, those of the maker's key. */
  readonly cidrs?: readonly string[] | null;
}

/** Everything about a key but the key. */
export type ServiceKeyMetadata = Omit<ServiceKeyRow, "tokenMac" | "previousMac" | "mac">;

/** A key that was just made; the text is shown once and stored nowhere. */
export interface IssuedServiceKey {
  readonly key: ServiceKeyMetadata;
  readonly text: string;
}

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
  readonly set?: RowSetStore;
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
    this.#set = set ?? new RowSetStore(SERVICE_KEYS_SET, { ring, watch: new HeadWatch() });
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
      const { row, text } = this.#make(bound, principal.id, "key");
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.create", actorOf(principal), row));
      return { key: metadataOf(row), text };
    });
  }

  /**
   * Makes a short-lived key for somebody whom another issuer vouches for, as the configuration
   * says.
   *
   * @param by Who vouches, such as `oidc:github`.
   * @param origin Where the request came from.
   */
  async exchange(by: string, spec: ServiceKeySpec & { expiresAt: Date }, origin?: Origin) {
    const { row, text } = this.#make(spec, by, "exchanged");
    const actor: Actor = { ...SYSTEM, id: by, kind: "user" };
    await this.#set.transact(this.#sql, async (tx, change) => {
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.exchange", { ...actor, ...origin }, row));
    });
    return { key: metadataOf(row), text };
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

  /**
   * Makes the first administrator's key when no key exists yet. It doesn't expire.
   *
   * @param keep Puts the key's text where it lasts; the key is only good once this has resolved, so
   * that no crash leaves a server whose only key nobody has.
   * @returns The key's text, once; `undefined` when there are keys already, revoked ones included.
   */
  async ensureAdminKey(
    keep: (text: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<string | undefined> {
    const { row, text } = this.#make({ name: "admin", grants: [EVERYTHING] }, null, "key");
    return await this.#set.transact(this.#sql, async (tx, change) => {
      if (await hasServiceKeys(tx)) return undefined;
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.create", SYSTEM, row));
      await keep(text);
      return text;
    });
  }

  /** Removes exchanged keys that expired before `before`. */
  async purgeExchanged(before: Date): Promise<void> {
    await this.#set.transact(this.#sql, async (tx, change) => {
      const rows = await purgeExchangedKeys(tx, before);
      const entry = { action: "key.purge", actor: SYSTEM, count: rows.length };
      await change(rows.map((row) => ({ before: row })), entry);
    });
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

  #make(
    spec: ServiceKeySpec,
    by: string | null,
    kind: ServiceKeyKind,
  ): { row: ServiceKeyRow; text: string } {
    const { id: prefix, text } = generateServiceKey();
    const row = signServiceKeyRow(this.#ring, {
      id: crypto.randomUUID(),
      prefix,
      name: spec.name,
      kind,
      tokenMac: this.#ring.mac("token", tokenMessage(text)),
      previousMac: null,
      previousUntil: null,
      grants: spec.grants,
      cidrs: spec.cidrs ?? null,
      createdAt: this.#now(),
      createdBy: by,
      expiresAt: spec.expiresAt ?? null,
      revokedAt: null,
    });
    return { row, text };
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

function metadataOf(row: ServiceKeyRow): ServiceKeyMetadata {
  const { tokenMac: _token, previousMac: _previous, mac: _mac, ...metadata } = row;
  return metadata;
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
