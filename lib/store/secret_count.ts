/**
 * Counts of secrets, limited to what the asker may see.
 *
 * @module
 */
import { MATCHES_ALL } from "../principal/glob.ts";
import { scopesOf, seen, type VisiblePart, Where } from "./secret_visible.ts";
import type { Row, Sql } from "./sql.ts";

/** Counts of live secrets; an expired one is among `total`. */
export interface SecretStats {
  readonly total: number;
  /** Not expired, but within seven days. */
  readonly expiringSoon: number;
  readonly expired: number;
}

/**
 * Counts the live secrets that may be seen, as of `now`.
 *
 * Heads know how many there are in a place, and an index knows those with an expiry; only who sees
 * some names and not others has them counted one by one.
 */
export async function countSecrets(
  sql: Sql,
  visible: readonly VisiblePart[],
  now: Date,
): Promise<SecretStats> {
  const where = new Where(["deleted_at is null"]);
  seen(where, visible);
  const at = `${where.bind(now)}::timestamptz`;
  const total = visible.every(({ names }) => names === MATCHES_ALL)
    ? `select sum(live_count) from functions.heads where ${headsWhere(where, visible)}`
    : `select count(*) from functions.secrets where ${where}`;
  const [row] = await sql.query<Row & Record<"total" | "soon" | "expired", number>>(
    `select coalesce((${total}), 0)::int as total,
       (count(*) filter (where expires_at <= ${at}))::int as expired,
       (count(*) filter (where expires_at > ${at}))::int as soon
     from functions.secrets where expires_at < ${at} + interval '7 days' and ${where}`,
    where.values,
  );
  return { total: row?.total ?? 0, expiringSoon: row?.soon ?? 0, expired: row?.expired ?? 0 };
}

/** Heads of places all of whose secrets may be seen; a set of something else begins with `@`. */
function headsWhere(where: Where, visible: readonly VisiblePart[]): string {
  const parts = visible.map((part) => `(${scopesOf(where, part).join(" or ") || "false"})`);
  return `(${parts.join(" or ") || "false"}) and (namespace is null or namespace not like '@%')`;
}
