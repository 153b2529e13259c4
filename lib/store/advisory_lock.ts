/**
 * Advisory locks: what only one process at a time may do, whatever rows there are.
 *
 * @module
 */
import type { Sql } from "./sql.ts";

/** "flux", so that these locks are not another product's in the same database. */
const NAMESPACE = 0x666c7578;

/** What is done under a lock of its own. A number is part of the protocol between versions. */
const LOCKS = { data_keys: 1, service_keys: 2, heads: 3, deployments: 4, renewal: 8 } as const;

/** Waits for the lock `name` and holds it until the transaction ends. */
export async function lockTransaction(tx: Sql, name: keyof typeof LOCKS): Promise<void> {
  await tx`select pg_advisory_xact_lock(${NAMESPACE}::int, ${LOCKS[name]}::int) is null as held`;
}

/** Takes the lock `name` until the transaction ends, unless somebody else has it. */
export async function lockIfFree(tx: Sql, name: keyof typeof LOCKS): Promise<boolean> {
  const [row] = await tx<{ free: boolean }>`
    select pg_try_advisory_xact_lock(${NAMESPACE}::int, ${LOCKS[name]}::int) as free`;
  return row!.free;
}
