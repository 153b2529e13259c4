/**
 * Service keys: issuing, revoking, and telling whose a key is.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { grantFields, parseGrants } from "../principal/grants.ts";
import { can, EVERYTHING, type Grant, holds, type Principal } from "../principal/principal.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import { generateServiceKey } from "./service_key_text.ts";
import {
  findServiceKeyById,
  insertFirstServiceKey,
  insertServiceKey,
  listServiceKeys,
  type ServiceKeyRow,
  type UnsignedServiceKeyRow,
  updateServiceKey,
} from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";

const ROW = "fluxbase/row/service-key/v1";
const TOKEN = "fluxbase/service-key/v1";

/** What a key is to be. */
export interface ServiceKeySpec {
  /** What people call it. */
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresAt?: Date | null;
}

/** Everything about a key but the key. */
export type ServiceKeyMetadata = Omit<UnsignedServiceKeyRow, "tokenMac">;

/** A key that was just made; the text is shown once and stored nowhere. */
export interface IssuedServiceKey {
  readonly key: ServiceKeyMetadata;
  readonly text: string;
}

/** What {@linkcode ServiceKeys} is made of. */
export interface ServiceKeysParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Those who hold looked-up keys. */
  readonly held: { invalidate(prefix: string | null): void };
  readonly now?: () => Date;
}

/** Issues, lists and revokes service keys. */
export class ServiceKeys {
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #held: ServiceKeysParts["held"];
  readonly #now: () => Date;

  constructor({ sql, ring, held, now = () => new Date() }: ServiceKeysParts) {
    this.#sql = sql;
    this.#ring = ring;
    this.#held = held;
    this.#now = now;
  }

  /**
   * Makes a key. Nobody can grant more than they hold.
   *
   * @throws {AppError} ACCESS_DENIED without `keys:admin`, or for a grant that isn't held.
   */
  async issue(principal: Principal, spec: ServiceKeySpec): Promise<IssuedServiceKey> {
    administer(principal);
    const grants = parseGrants(spec.grants);
    if (!grants.every((grant) => holds(principal, grant))) {
      throw new AppError("ACCESS_DENIED", "Insufficient permissions: a grant exceeds your own");
    }
    const name = parseKeyName(spec.name);
    const { row, text } = this.#make({ ...spec, name, grants }, principal.id);
    await insertServiceKey(this.#sql, row);
    return { key: metadataOf(row), text };
  }

  /** All keys, oldest first, revoked and expired ones too. */
  async list(principal: Principal): Promise<ServiceKeyMetadata[]> {
    administer(principal);
    const rows = await listServiceKeys(this.#sql);
    return rows.map((row) => metadataOf(verifyServiceKeyRow(this.#ring, row)));
  }

  /**
   * Revokes a key, for good. Revoking a revoked key changes nothing.
   *
   * @param id The key's UUID.
   * @throws {AppError} NOT_FOUND when there is no such key.
   */
  async revoke(principal: Principal, id: string): Promise<ServiceKeyMetadata> {
    administer(principal);
    const before = await findServiceKeyById(this.#sql, id);
    if (before === undefined) throw new AppError("NOT_FOUND", "Service key not found");
    verifyServiceKeyRow(this.#ring, before);
    if (before.revokedAt !== null) return metadataOf(before);
    const { mac: _old, ...columns } = before;
    const after = signServiceKeyRow(this.#ring, { ...columns, revokedAt: this.#now() });
    try {
      const stored = await updateServiceKey(this.#sql, before, after);
      if (!stored) throw new AppError("CONFLICT", "Service key was changed meanwhile");
    } finally {
      // Also after an error: a connection that broke may have broken after the commit.
      this.#held.invalidate(before.prefix);
    }
    return metadataOf(after);
  }

  /**
   * Makes the first administrator's key when no key exists yet.
   *
   * @param keep Puts the key's text where it lasts; the key is only good once this has resolved, so
   * that no crash leaves a server whose only key nobody has.
   * @returns The key's text, once; `undefined` when there are keys already, revoked ones included.
   */
  async ensureAdminKey(
    keep: (text: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<string | undefined> {
    const { row, text } = this.#make({ name: "admin", grants: [EVERYTHING] }, null);
    return await insertFirstServiceKey(this.#sql, row, () => keep(text)) ? text : undefined;
  }

  #make(spec: ServiceKeySpec, by: string | null): { row: ServiceKeyRow; text: string } {
    const { id: prefix, text } = generateServiceKey();
    const row = signServiceKeyRow(this.#ring, {
      id: crypto.randomUUID(),
      prefix,
      name: spec.name,
      tokenMac: this.#ring.mac("token", tokenMessage(text)),
      grants: spec.grants,
      createdAt: this.#now(),
      createdBy: by,
      expiresAt: spec.expiresAt ?? null,
      revokedAt: null,
    });
    return { row, text };
  }
}

/** The message of the MAC under which a key is stored. */
export function tokenMessage(text: string): Uint8Array {
  return canonical(TOKEN, [text]);
}

/**
 * Lets a row of `functions.service_keys` through if it is as the server wrote it.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the key's prefix when it isn't.
 */
export function verifyServiceKeyRow(ring: KeyRing, row: ServiceKeyRow): ServiceKeyRow {
  if (isAuthentic(ring, () => rowMessage(row), row.mac)) return row;
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Row of service key ${row.prefix} is not as it was written`,
  );
}

function signServiceKeyRow(ring: KeyRing, row: UnsignedServiceKeyRow): ServiceKeyRow {
  return { ...row, mac: ring.mac("row", rowMessage(row)) };
}

function rowMessage(row: UnsignedServiceKeyRow): Uint8Array {
  return canonical(ROW, [
    row.id,
    row.prefix,
    row.name,
    row.tokenMac,
    row.createdAt,
    row.createdBy,
    row.expiresAt,
    row.revokedAt,
    ...grantFields(row.grants),
  ]);
}

function metadataOf(row: UnsignedServiceKeyRow): ServiceKeyMetadata {
  const { id, prefix, name, grants, createdAt, createdBy, expiresAt, revokedAt } = row;
  return { id, prefix, name, grants, createdAt, createdBy, expiresAt, revokedAt };
}

function parseKeyName(text: string): string {
  if (/^[\x20-\x7e]{1,100}$/.test(text)) return text;
  throw new AppError("INVALID_INPUT", "Name of a key must be 1 to 100 printable ASCII characters");
}

function administer(principal: Principal): void {
  if (can(principal, "keys:admin")) return;
  throw new AppError("ACCESS_DENIED", "Insufficient permissions: keys:admin is not granted");
}
