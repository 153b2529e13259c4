/**
 * The store of the key ring's wrapped keys.
 *
 * @module
 */
import type { WrappedKey } from "../crypto/keyring.ts";
import { lockTransaction } from "./advisory_lock.ts";
import type { Row, Sql } from "./sql.ts";

/** The channel on which every change of the ring is told; the payload is empty. */
export const KEYRING_CHANNEL = "fluxbase_keyring";

/** SQLSTATE of a write under a key that was retired meanwhile; see the migration. */
export const RETIRED_KEY = "FX001";

/** A key as it is listed, destroyed ones too. */
export interface StoredKey extends WrappedKey {
  /** How many values it may have sealed: counted ahead, so never too low. */
  readonly seals: number;
  /** When its bytes were removed for good. */
  readonly destroyedAt: Date | null;
}

/** A change of the ring, made from what was read. */
export interface RingChange {
  /** The keys that it was made from: all that were there. */
  readonly read: readonly WrappedKey[];
  /** Keys sealed again, with another status or under another root. */
  readonly replace?: readonly WrappedKey[];
  readonly add?: readonly WrappedKey[];
  /** A disabled key whose bytes are removed for good. */
  readonly destroy?: { readonly id: string; readonly at: Date };
}

/** All keys of the ring but destroyed ones, oldest first. */
export async function listDataKeys(sql: Sql): Promise<WrappedKey[]> {
  const rows = await sql<Row & RawKey>`
    select id, purpose, status, root_id, wrapped, created_at from functions.data_keys
    where destroyed_at is null order by created_at, id`;
  return rows.map(wrappedKey);
}

/** Every key that there ever was, oldest first. */
export async function listStoredKeys(sql: Sql): Promise<StoredKey[]> {
  const rows = await sql<Row & RawKey & { seals: number; destroyed_at: Date | null }>`
    select id, purpose, status, root_id, wrapped, created_at, seals, destroyed_at
    from functions.data_keys order by created_at, id`;
  return rows.map((row) => ({
    ...wrappedKey(row),
    seals: Number(row.seals),
    destroyedAt: row.destroyed_at,
  }));
}

/**
 * The keys of the ring; those of `made` if there are none yet. Of several servers that start at
 * once on a new database exactly one makes them, and the others get the same.
 */
export function ensureDataKeys(
  sql: Sql,
  made: () => readonly WrappedKey[],
): Promise<WrappedKey[]> {
  return sql.transaction(async (tx) => {
    await lockTransaction(tx, "data_keys");
    const stored = await listDataKeys(tx);
    if (stored.length > 0) return stored;
    for (const key of made()) await insertDataKey(tx, key);
    return await listDataKeys(tx);
  });
}

/**
 * Stores a change and tells the other servers.
 *
 * @returns `false` when what was read is no longer what is stored; then nothing was written.
 */
export function changeDataKeys(sql: Sql, change: RingChange): Promise<boolean> {
  const { read, replace = [], add = [], destroy } = change;
  return sql.transaction(async (tx) => {
    await lockTransaction(tx, "data_keys");
    if (!sameKeys(read, await listDataKeys(tx))) return false;
    // Before there is a new primary key there must be none: so those replaced go first.
    for (const key of replace) await replaceDataKey(tx, key);
    for (const key of add) await insertDataKey(tx, key);
    if (destroy) {
      await tx`update functions.data_keys
        set wrapped = ''::bytea, destroyed_at = ${destroy.at}::timestamptz
        where id = ${destroy.id} and status = 'disabled'`;
    }
    await tx`select pg_notify(${KEYRING_CHANNEL}, '') is null as told`;
    return true;
  });
}

/** Adds to the counts of seals, by key id. */
export async function addSeals(sql: Sql, seals: ReadonlyMap<string, number>): Promise<void> {
  for (const [id, count] of seals) {
    await sql`update functions.data_keys set seals = seals + ${count}::bigint where id = ${id}`;
  }
}

/**
 * Waits until every transaction that writes now has ended.
 *
 * @param look Called between two looks; throws to give up.
 */
export async function outliveWriters(sql: Sql, look: () => Promise<void>): Promise<void> {
  const [now] = await sql<{ next: string }>`
    select pg_snapshot_xmax(pg_current_snapshot())::text as next`;
  for (;;) {
    const [oldest] = await sql<{ id: string }>`
      select pg_snapshot_xmin(pg_current_snapshot())::text as id`;
    if (BigInt(oldest!.id) >= BigInt(now!.next)) return;
    await look();
  }
}

async function insertDataKey(sql: Sql, key: WrappedKey): Promise<void> {
  const { id, purpose, status, rootId, wrapped, createdAt } = key;
  await sql`insert into functions.data_keys (id, purpose, status, root_id, wrapped, created_at)
    values (${id}, ${purpose}, ${status}, ${rootId}, ${wrapped}, ${createdAt})`;
}

async function replaceDataKey(sql: Sql, key: WrappedKey): Promise<void> {
  const { id, status, rootId, wrapped } = key;
  await sql`update functions.data_keys
    set status = ${status}, root_id = ${rootId}, wrapped = ${wrapped}::bytea where id = ${id}`;
}

function sameKeys(a: readonly WrappedKey[], b: readonly WrappedKey[]): boolean {
  const text = (keys: readonly WrappedKey[]) =>
    JSON.stringify(keys.map((key) => ({ ...key, wrapped: key.wrapped.toHex() })));
  return text(a) === text(b);
}

function wrappedKey(row: RawKey): WrappedKey {
  return {
    id: row.id,
    purpose: row.purpose,
    status: row.status,
    rootId: row.root_id,
    wrapped: row.wrapped,
    createdAt: row.created_at,
  };
}

interface RawKey {
  id: string;
  purpose: WrappedKey["purpose"];
  status: WrappedKey["status"];
  root_id: string;
  wrapped: Uint8Array;
  created_at: Date;
}
