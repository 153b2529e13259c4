/**
 * Removals of what is damaged, for whoever was told to discard it. The caller writes the head.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";
import { SECRETS_CHANNEL } from "./secret_writes.ts";
import type { Sql } from "./sql.ts";

/** Removes a secret with its history. */
export async function discardSecret(sql: Sql, id: string): Promise<void> {
  await sql`delete from functions.secrets where id = ${id}::uuid`;
}

/** Stores a row's shorter history, and removes every version that is outside of it. */
export async function mendSecret(sql: Sql, row: SecretRow): Promise<void> {
  await sql`update functions.secrets set oldest_version = ${row.oldestVersion}, mac = ${row.mac}
    where id = ${row.id}::uuid`;
  await sql`delete from functions.secret_versions where secret_id = ${row.id}::uuid
    and version not between ${row.oldestVersion} and ${row.version}`;
}

/** Tells every server that the secrets of a place may be others. */
export async function tellOfPlace(sql: Sql, place: string | null): Promise<void> {
  await sql`select pg_notify(${SECRETS_CHANNEL}, ${place ?? ""}) is null as told`;
}
