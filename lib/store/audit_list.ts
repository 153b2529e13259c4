/**
 * Lists of records of the audit, newest first, and the end of old ones.
 *
 * @module
 */
import { type AuditRecord, signFloor } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { VisiblePart } from "./secret_visible.ts";
import { AUDIT_COLUMNS, auditRecord, findFloor, listStreams, putFloor } from "./audit_rows.ts";
import { findHead } from "./heads.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";

/** Where a page ended. */
export interface AuditPosition {
  readonly at: Date;
  readonly revision: number;
  /** Empty for the global scope. */
  readonly stream: string;
}

/** Which records are wanted. */
export interface AuditQuery {
  readonly visible: readonly VisiblePart[];
  readonly action?: string;
  readonly principal?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly outcome?: string;
  readonly executionId?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly after?: AuditPosition;
  readonly limit: number;
}

/** A page of records. */
export async function listRecords(sql: Sql, query: AuditQuery): Promise<AuditRecord[]> {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue) => `$${values.push(value)}`;
  const terms = [`(${query.visible.map((part) => seen(part, bind)).join(" or ") || "false"})`];
  const equal: readonly [string, string | undefined][] = [
    ["action", query.action],
    ["principal", query.principal],
    ["namespace", query.namespace],
    ["name", query.name],
    ["outcome", query.outcome],
    ["execution_id::text", query.executionId],
  ];
  for (const [column, wanted] of equal) {
    if (wanted !== undefined) terms.push(`${column} = ${bind(wanted)}::text`);
  }
  if (query.since) terms.push(`at >= ${bind(query.since)}::timestamptz`);
  if (query.until) terms.push(`at < ${bind(query.until)}::timestamptz`);
  if (query.after) {
    const { at, revision, stream } = query.after;
    terms.push(`(at, first_revision, coalesce(stream, '')) <
      (${bind(at)}::timestamptz, ${bind(revision)}::bigint, ${bind(stream)}::text)`);
  }
  const rows = await sql.query(
    `select ${AUDIT_COLUMNS} from app.audit where ${terms.join(" and ")}
     order by at desc, first_revision desc, coalesce(stream, '') desc
     limit ${bind(query.limit)}::int`,
    values,
  );
  return rows.map(auditRecord);
}

/** A record without a name is about everything in its place. */
function seen(part: VisiblePart, bind: (value: SqlValue) => string): string {
  const scopes = part.global ? ["namespace is null or namespace like '@%'"] : [];
  if (part.namespaces !== null) scopes.push(`namespace ~ ${bind(part.namespaces)}::text`);
  if (scopes.length === 0) return "false";
  return `((${scopes.join(" or ")}) and coalesce(name, '') ~ ${bind(part.names)}::text)`;
}

/** The most records that one transaction removes. */
const BATCH = 1_000;

/**
 * Removes records older than `before`, the oldest of each stream first, and notes from where on they
 * are kept. What follows a newer record stays, so that nothing in between is missing.
 *
 * @returns How many.
 */
export async function purgeRecords(sql: Sql, ring: KeyRing, before: Date): Promise<number> {
  let removed = 0;
  for (const stream of await listStreams(sql)) {
    for (let done = BATCH; done === BATCH;) {
      done = await sql.transaction(async (tx) => {
        // Those who verify or accept see either both or neither.
        if (await findHead(tx, stream, { forUpdate: true }) === undefined) return 0;
        const [where, values] = stream === null
          ? ["stream is null", []]
          : ["stream = $1", [stream]];
        const found = await tx.query<Row & { first: number; last: number; at: Date }>(
          `select first_revision as first, last_revision as last, at from app.audit where ${where}
           order by first_revision limit ${BATCH}`,
          values,
        );
        const kept = found.findIndex(({ at }) => at >= before);
        const old = kept < 0 ? found : found.slice(0, kept);
        const last = old.at(-1);
        if (last === undefined) return 0;
        const floor = Math.max((await findFloor(tx, stream))?.revision ?? 1, last.last + 1);
        await putFloor(tx, signFloor(ring, stream, floor));
        await tx.query(
          `delete from app.audit where ${where} and first_revision <= $${
            values.length + 1
          }::bigint`,
          [...values, last.first],
        );
        return old.length;
      });
      removed += done;
    }
  }
  return removed;
}
