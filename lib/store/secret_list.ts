/**
 * Lists and counts of secrets, limited to what the asker may see.
 *
 * Pages go by key, not by offset: (namespace, nulls first; name) after the last row shown. The
 * scope needs no column of its own in that order, since global rows are those without a namespace.
 *
 * @module
 */
import { MATCHES_ALL } from "../principal/glob.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { ScopeName, SecretRef } from "../resolve/ref.ts";
import { SECRET_COLUMNS, secretRow } from "./secret_rows.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";

/** A part of all secrets that may be seen; a list shows the union of several. */
export interface VisiblePart {
  readonly global: boolean;
  /** Regular expression over all of a namespace; `null` matches none. */
  readonly namespaces: string | null;
  /** Regular expression over all of a name. */
  readonly names: string;
}

/** What to list. */
export interface ListQuery {
  readonly visible: readonly VisiblePart[];
  readonly scope?: ScopeName;
  readonly namespace?: string;
  /** The last row of the page before. */
  readonly after?: SecretRef;
  /** The most rows to return. */
  readonly limit: number;
}

/** Counts of live secrets; an expired one is among `total`. */
export interface SecretStats {
  readonly total: number;
  /** Not expired, but within seven days. */
  readonly expiringSoon: number;
  readonly expired: number;
}

/** Collects parameters, so that no text is ever spliced into a statement. */
class Where {
  readonly values: SqlValue[] = [];
  readonly #terms: string[];

  constructor(terms: readonly string[]) {
    this.#terms = [...terms];
  }

  bind(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }

  and(term: string): void {
    this.#terms.push(`(${term})`);
  }

  toString(): string {
    return this.#terms.join(" and ");
  }
}

/** Live secrets in the order (global first, namespace, name). */
export async function listSecrets(sql: Sql, query: ListQuery): Promise<SecretRow[]> {
  const where = filter(query);
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where ${where}
     order by namespace collate "C" nulls first, name collate "C"
     limit ${where.bind(query.limit)}::int`,
    where.values,
  );
  return rows.map(secretRow);
}

/** Counts the live secrets that may be seen, as of `now`. */
export async function countSecrets(
  sql: Sql,
  visible: readonly VisiblePart[],
  now: Date,
): Promise<SecretStats> {
  const where = filter({ visible });
  const at = `${where.bind(now)}::timestamptz`;
  const [row] = await sql.query<Row & Record<"total" | "soon" | "expired", number>>(
    `select count(*)::int as total,
       (count(*) filter (where expires_at <= ${at}))::int as expired,
       (count(*) filter (where expires_at > ${at} and expires_at < ${at} + interval '7 days'))::int
         as soon
     from functions.secrets where ${where}`,
    where.values,
  );
  return { total: row?.total ?? 0, expiringSoon: row?.soon ?? 0, expired: row?.expired ?? 0 };
}

/** A condition on rows that may be seen, with the parameters that further terms may add to. */
export interface VisibleWhere {
  readonly where: string;
  readonly values: readonly SqlValue[];
  bind(value: SqlValue): string;
}

/** The condition on rows that may be seen, whether live or deleted. */
export function visibleWhere(visible: readonly VisiblePart[]): VisibleWhere {
  const where = new Where([]);
  seen(where, visible);
  return { where: `${where}`, values: where.values, bind: (value) => where.bind(value) };
}

function seen(where: Where, visible: readonly VisiblePart[]): void {
  const parts = visible.map((part) => visiblePart(where, part));
  where.and(parts.length === 0 ? "false" : parts.join(" or "));
}

function filter(query: Omit<ListQuery, "limit">): Where {
  const where = new Where(["deleted_at is null"]);
  seen(where, query.visible);
  if (query.scope !== undefined) {
    where.and(query.scope === "global" ? "namespace is null" : "namespace is not null");
  }
  if (query.namespace !== undefined) where.and(`namespace = ${where.bind(query.namespace)}`);
  if (query.after !== undefined) where.and(after(where, query.after));
  return where;
}

function visiblePart(where: Where, part: VisiblePart): string {
  const scopes = part.global ? ["namespace is null"] : [];
  if (part.namespaces !== null) scopes.push(matches(where, "namespace", part.namespaces));
  if (scopes.length === 0) return "false";
  return `((${scopes.join(" or ")}) and ${matches(where, "name", part.names)})`;
}

function matches(where: Where, column: "namespace" | "name", pattern: string): string {
  if (pattern === MATCHES_ALL) return `${column} is not null`;
  return `${column} ~ ${where.bind(pattern)}`;
}

function after(where: Where, { namespace, name }: SecretRef): string {
  const last = `${where.bind(name)} collate "C"`;
  if (namespace === null) return `namespace is not null or name collate "C" > ${last}`;
  const within = `${where.bind(namespace)} collate "C"`;
  return `(namespace collate "C", name collate "C") > (${within}, ${last})`;
}
