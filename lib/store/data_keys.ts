/**
 * The store of the key ring's wrapped keys.
 *
 * @module
 */
import type { WrappedKey } from "../crypto/keyring.ts";
import { lockTransaction } from "./advisory_lock.ts";
import type { Row, Sql } from "./sql.ts";

/** All keys of the ring, oldest first. */
export async function listDataKeys(sql: Sql): Promise<WrappedKey[]> {
  const rows = await sql<Row & RawKey>`
    select id, purpose, status, root_id, wrapped, created_at from functions.data_keys
    order by created_at, id`;
  return rows.map(({ id, purpose, status, root_id, wrapped, created_at }) => ({
    id,
    purpose,
    status,
    rootId: root_id,
    wrapped,
    createdAt: created_at,
  }));
}

/**
 * The keys of the ring; made by `generate` if there are none yet. Of several servers that start at
 * once on a new database exactly one makes them, and the others get the same.
 */
export function ensureDataKeys(
  sql: Sql,
  generate: () => readonly WrappedKey[],
): Promise<WrappedKey[]> {
  return sql.transaction(async (tx) => {
    await lockTransaction(tx, "data_keys");
    const stored = await listDataKeys(tx);
    if (stored.length > 0) return stored;
    for (const key of generate()) await insertDataKey(tx, key);
    return await listDataKeys(tx);
  });
}

async function insertDataKey(sql: Sql, key: WrappedKey): Promise<void> {
  const { id, purpose, status, rootId, wrapped, createdAt } = key;
  await sql`insert into functions.data_keys (id, purpose, status, root_id, wrapped, created_at)
    values (${id}, ${purpose}, ${status}, ${rootId}, ${wrapped}, ${createdAt})`;
}

interface RawKey {
  id: string;
  purpose: WrappedKey["purpose"];
  status: WrappedKey["status"];
  root_id: string;
  wrapped: Uint8Array;
  created_at: Date;
}
