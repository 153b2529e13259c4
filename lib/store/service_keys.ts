/**
 * The store of service keys: their MACs, grants and dates; never the keys themselves.
 *
 * @module
 */
import type { Grant } from "../principal/principal.ts";
import type { RowSetSpec } from "./row_sets.ts";
import type { Row, Sql } from "./sql.ts";

/** The channel on which every change of a service key tells its prefix. */
export const SERVICE_KEYS_CHANNEL = "fluxbase_service_keys";

/** Every key is in this set, so that none is revived by an old copy of its row. */
export const SERVICE_KEYS_SET: RowSetSpec = {
  name: "@service_keys",
  table: "functions.service_keys",
};

/** Made by a person, or traded for another issuer's token. */
export type ServiceKeyKind = "key" | "exchanged";

/** A row of `functions.service_keys` before it is authenticated. */
export interface UnsignedServiceKeyRow {
  /** UUID; the id of the principal. */
  readonly id: string;
  /** The part of the key by which it is looked up. */
  readonly prefix: string;
  /** What it is called by people. */
  readonly name: string;
  readonly kind: ServiceKeyKind;
  /** Keyed MAC of the whole key. */
  readonly tokenMac: Uint8Array;
  /** The same of the key that this one replaced, good until `previousUntil`. */
  readonly previousMac: Uint8Array | null;
  readonly previousUntil: Date | null;
  readonly grants: readonly Grant[];
  /** CIDR ranges from which it is good; `null` for all addresses. */
  readonly cidrs: readonly string[] | null;
  readonly createdAt: Date;
  /** The principal's id. */
  readonly createdBy: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** A row of `functions.service_keys`. */
export interface ServiceKeyRow extends UnsignedServiceKeyRow {
  /** Key id ‖ HMAC over every other column but `lastUsedAt`. */
  readonly mac: Uint8Array;
  readonly lastUsedAt: Date | null;
}

/** Which keys are listed. */
export interface ServiceKeyFilter {
  /** Keys that are good at this time, and no exchanged ones. Left out: every key. */
  readonly goodAt?: Date;
  /** UUID of the last key of the page before. */
  readonly after?: string;
  readonly limit: number;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const COLUMNS = "id, prefix, name, kind, token_mac, previous_mac, previous_until, grants, cidrs, " +
  "created_at, created_by, expires_at, revoked_at, mac, last_used_at";

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

/** What is read where there is no key, so that reading it takes as long. */
const DECOY = `select '${"0".repeat(8)}-0000-0000-0000-${
  "0".repeat(12)
}'::uuid, '', 'nobody', 'key',
    decode(repeat('00', 40), 'hex'), null::bytea, null::timestamptz,
    '[{"actions":["*"],"namespaces":["*"],"names":["*"]}]'::jsonb, null::jsonb,
    now(), '${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}', now(), null::timestamptz,
    decode(repeat('00', 40), 'hex'), now(), false`;

/** Like {@linkcode findServiceKey}, and does the same work whether there is such a key or not. */
export async function findServiceKeyEvenly(
  sql: Sql,
  prefix: string,
): Promise<ServiceKeyRow | undefined> {
  // The second half is only run where the first has no row.
  const rows = await sql.query<Row & { found: boolean }>(
    `select ${COLUMNS}, true as found from functions.service_keys where prefix = $1
     union all ${DECOY} limit 1`,
    [prefix],
  );
  const row = serviceKeyRow(rows[0]!);
  return rows[0]!.found ? row : undefined;
}

/** Finds the key with this UUID, a revoked or expired one too. */
export async function findServiceKeyById(sql: Sql, id: string): Promise<ServiceKeyRow | undefined> {
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys where id = $1::uuid`,
    [id],
  );
  return rows[0] === undefined ? undefined : serviceKeyRow(rows[0]);
}

/**
 * The same in a transaction: until it ends, nobody changes or revokes the key.
 *
 * @param id The id of a principal, which need not be a key's.
 */
export async function holdServiceKey(sql: Sql, id: string): Promise<ServiceKeyRow | undefined> {
  if (!UUID.test(id)) return undefined;
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys where id = $1::uuid for share`,
    [id],
  );
  return rows[0] === undefined ? undefined : serviceKeyRow(rows[0]);
}

/** Keys in the order in which they were made. */
export async function listServiceKeys(
  sql: Sql,
  filter: ServiceKeyFilter,
): Promise<ServiceKeyRow[]> {
  const { goodAt = null, after = null, limit } = filter;
  const rows = await sql.query(
    `select ${COLUMNS} from functions.service_keys
     where ($1::timestamptz is null
         or (kind = 'key' and revoked_at is null and (expires_at is null or expires_at > $1)))
       and ($2::uuid is null or (created_at, id) >
         (select created_at, id from functions.service_keys where id = $2::uuid))
     order by created_at, id limit $3`,
    [goodAt, after, limit],
  );
  return rows.map(serviceKeyRow);
}

/** The keys that were made with the key `id`, with those made with them, and so on. */
export async function descendantsOf(sql: Sql, id: string): Promise<ServiceKeyRow[]> {
  const rows = await sql.query(
    `with recursive made(id) as (
       select id from functions.service_keys where created_by = $1
       union select k.id from functions.service_keys k join made on k.created_by = made.id::text
     ) select ${COLUMNS} from functions.service_keys join made using (id)`,
    [id],
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
      (id, prefix, name, kind, token_mac, previous_mac, previous_until, grants, cidrs, created_at,
       created_by, expires_at, revoked_at, mac)
    values (${row.id}::uuid, ${row.prefix}, ${row.name}, ${row.kind}, ${row.tokenMac},
      ${row.previousMac}, ${row.previousUntil}, ${json(row.grants)}::text::jsonb,
      ${json(row.cidrs)}::text::jsonb, ${row.createdAt}, ${row.createdBy}, ${row.expiresAt},
      ${row.revokedAt}, ${row.mac})`;
}

/** Whether there is any key, whatever happened to it. */
export async function hasServiceKeys(sql: Sql): Promise<boolean> {
  const [some] = await sql`select 1 as one from functions.service_keys limit 1`;
  return some !== undefined;
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
      update functions.service_keys set name = ${after.name}, token_mac = ${after.tokenMac}::bytea,
        previous_mac = ${after.previousMac}::bytea,
        previous_until = ${after.previousUntil}::timestamptz,
        expires_at = ${after.expiresAt}::timestamptz, revoked_at = ${after.revokedAt}::timestamptz,
        mac = ${after.mac}::bytea
      where id = ${before.id}::uuid and mac = ${before.mac}::bytea returning prefix
    ) select pg_notify(${SERVICE_KEYS_CHANNEL}, prefix) is null as told from changed`;
  return rows.length === 1;
}

/** Notes that keys were used at `at`. */
export async function noteServiceKeyUses(
  sql: Sql,
  ids: readonly string[],
  at: Date,
): Promise<void> {
  await sql`update functions.service_keys set last_used_at = ${at}::timestamptz
    where id = any(${ids}::text[]::uuid[])
      and (last_used_at is null or last_used_at < ${at}::timestamptz)`;
}

/**
 * Removes exchanged keys that expired before `before`.
 *
 * @returns What was removed.
 */
export async function purgeExchangedKeys(
  sql: Sql,
  before: Date,
): Promise<{ readonly mac: Uint8Array }[]> {
  return await sql<{ mac: Uint8Array }>`delete from functions.service_keys
    where kind = 'exchanged' and expires_at < ${before}::timestamptz returning mac`;
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** Reads a row of `functions.service_keys`. */
export function serviceKeyRow(row: Row): ServiceKeyRow {
  const raw = row as Row & RawServiceKey;
  return {
    id: raw.id,
    prefix: raw.prefix,
    name: raw.name,
    kind: raw.kind,
    tokenMac: raw.token_mac,
    previousMac: raw.previous_mac,
    previousUntil: raw.previous_until,
    grants: raw.grants,
    cidrs: raw.cidrs,
    createdAt: raw.created_at,
    createdBy: raw.created_by,
    expiresAt: raw.expires_at,
    revokedAt: raw.revoked_at,
    mac: raw.mac,
    lastUsedAt: raw.last_used_at,
  };
}

interface RawServiceKey {
  id: string;
  prefix: string;
  name: string;
  kind: ServiceKeyKind;
  token_mac: Uint8Array;
  previous_mac: Uint8Array | null;
  previous_until: Date | null;
  grants: Grant[];
  cidrs: string[] | null;
  created_at: Date;
  created_by: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  mac: Uint8Array;
  last_used_at: Date | null;
}
