/**
 * Walks of all secrets, in batches, for what must look at every row.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";
import { SECRET_COLUMNS, secretRow } from "./secret_rows.ts";
import type { Sql } from "./sql.ts";

/** How many rows come at once. */
const BATCH = 1_000;
const FIRST = "00000000-0000-0000-0000-000000000000";

/** Every row of `functions.secrets`, live and deleted, in the order of ids. */
export async function* scanSecrets(sql: Sql, batch: number = BATCH): AsyncGenerator<SecretRow[]> {
  let after = FIRST;
  for (;;) {
    const rows = await sql.query(
      `select ${SECRET_COLUMNS} from functions.secrets where id > $1::uuid
       order by id limit $2::int`,
      [after, batch],
    );
    if (rows.length === 0) return;
    const secrets = rows.map(secretRow);
    yield secrets;
    after = secrets.at(-1)!.id;
  }
}

/** Replaces the MACs of rows that are otherwise as they were. */
export async function signAgain(sql: Sql, rows: readonly SecretRow[]): Promise<void> {
  const list = rows.map(({ id, mac }) => ({ id, mac: `\\x${mac.toHex()}` }));
  await sql`update functions.secrets s set mac = g.mac
    from json_to_recordset(${JSON.stringify(list)}::text::json) as g(id uuid, mac bytea)
    where s.id = g.id`;
}

/** The rows with these ids, live and deleted. */
export async function findSecretsById(sql: Sql, ids: readonly string[]): Promise<SecretRow[]> {
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where id = any($1::text[]::uuid[])`,
    [ids],
  );
  return rows.map(secretRow);
}
