/**
 * The store of service keys: their MACs, grants and dates; never the keys themselves.
 *
 * @module
 */
import type { Grant } from "../principal/principal.ts";
import { lockTransaction } from "./advisory_lock.ts";
import type { Row, Sql } from "./sql.ts";

/** The channel on which every change of a service key tells its prefix. */
export const SERVICE_KEYS_CHANNEL = "fluxbase_service_keys";

/** A row of `functions.service_keys` before it is authenticated. */
export interface UnsignedServiceKeyRow {
  /** UUID; the id of the principal. */
  readonly id: string;
  /** The part of the key by which it is looked up. */
  readonly prefix: string;
  /** What it is called by people. */
  readonly name: string;
  /** Keyed MAC of the whole key. */
  readonly tokenMac: Uint8Array;
  readonly grants: readonly Grant[];
  readonly createdAt: Date;
  readonly createdBy: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** A row of `functions.service_keys`. */
export interface ServiceKeyRow extends UnsignedServiceKeyRow {
  /** Key id ‖ HMAC over every other column. */
  readonly mac: Uint8Array;
}

const COLUMNS = "id, prefix, name, token_mac, grants, created_at, created_by, expires_at, " +
  "revoked_at, mac";

/** Finds the key with `prefix`, revoked and expired ones too. */
export async function findServiceKey(
  sql: Sql,
  prefix: string,
): Promise<ServiceKeyRow | undefined> {
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys where prefix = $1`,
    [prefix],
  );
  return rows[0] === undefined ? undefined : serviceKeyRow(rows[0]);
}

/** Finds the key with this UUID, a revoked or expired one too. */
export async function findServiceKeyById(sql: Sql, id: string): Promise<ServiceKeyRow | undefined> {
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys where id = $1::uuid`,
    [id],
  );
  return rows[0] === undefined ? undefined : serviceKeyRow(rows[0]);
}

/** All keys, oldest first, revoked and expired ones too. */
export async function listServiceKeys(sql: Sql): Promise<ServiceKeyRow[]> {
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys order by created_at, id`,
  );
  return rows.map(serviceKeyRow);
}

/**
 * Adds a key.
 *
 * @throws {UniqueViolation} When its prefix is taken.
 */
export async function insertServiceKey(sql: Sql, row: ServiceKeyRow): Promise<void> {
  await sql`insert into functions.service_keys
      (id, prefix, name, token_mac, grants, created_at, created_by, expires_at, revoked_at, mac)
    values (${row.id}::uuid, ${row.prefix}, ${row.name}, ${row.tokenMac},
      ${JSON.stringify(row.grants)}::text::jsonb, ${row.createdAt}, ${row.createdBy},
      ${row.expiresAt}, ${row.revokedAt}, ${row.mac})`;
}

/**
 * Adds `row` if there is no key at all, whatever happened to it. Of several servers that start at
 * once exactly one adds its own.
 *
 * @param beforeCommit Must resolve for the row to stay: where the key's text is put into safety.
 * @returns Whether it was added.
 */
export function insertFirstServiceKey(
  sql: Sql,
  row: ServiceKeyRow,
  beforeCommit: () => Promise<void>,
): Promise<boolean> {
  return sql.transaction(async (tx) => {
    await lockTransaction(tx, "service_keys");
    const [some] = await tx`select 1 as one from functions.service_keys limit 1`;
    if (some !== undefined) return false;
    await insertServiceKey(tx, row);
    await beforeCommit();
    return true;
  });
}

/**
 * Stores a changed key and tells the other servers.
 *
 * @param before The row as it was read.
 * @returns `false` when `before` is no longer what is stored; then nothing was written.
 */
export async function updateServiceKey(
  sql: Sql,
  before: ServiceKeyRow,
  after: ServiceKeyRow,
): Promise<boolean> {
  const rows = await sql`with changed as (
      update functions.service_keys set name = ${after.name},
        grants = ${JSON.stringify(after.grants)}::text::jsonb,
        expires_at = ${after.expiresAt}::timestamptz, revoked_at = ${after.revokedAt}::timestamptz,
        mac = ${after.mac}::bytea
      where id = ${before.id}::uuid and mac = ${before.mac}::bytea returning prefix
    ) select pg_notify(${SERVICE_KEYS_CHANNEL}, prefix) is null as told from changed`;
  return rows.length === 1;
}

function serviceKeyRow(row: Row): ServiceKeyRow {
  const raw = row as Row & RawServiceKey;
  return {
    id: raw.id,
    prefix: raw.prefix,
    name: raw.name,
    tokenMac: raw.token_mac,
    grants: raw.grants,
    createdAt: raw.created_at,
    createdBy: raw.created_by,
    expiresAt: raw.expires_at,
    revokedAt: raw.revoked_at,
    mac: raw.mac,
  };
}

interface RawServiceKey {
  id: string;
  prefix: string;
  name: string;
  token_mac: Uint8Array;
  grants: Grant[];
  created_at: Date;
  created_by: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  mac: Uint8Array;
}
