/**
 * Remembered answers of writes, so that a repeated request is answered and not done again.
 *
 * @module
 */
import type { Row, Sql } from "./sql.ts";

/** How long an answer is remembered, in ms. */
export const REMEMBER_MS = 24 * 60 * 60 * 1_000;

/** The primary key of the table, as a unique violation names it. */
export const ANSWERS_KEY = "idempotency_keys_pkey";

/** An answer under a principal's idempotency key. */
export interface RememberedAnswer {
  readonly principal: string;
  readonly key: string;
  /** Keyed fingerprint of the request that was answered. */
  readonly fingerprint: Uint8Array;
  /** HTTP status of the answer. */
  readonly status: number;
  /** The answer and its MAC; never a value. */
  readonly body: { readonly answer: string; readonly mac: string };
  readonly createdAt: Date;
}

/** Finds the answer under a principal's key, unless it is older than `now` − 24 h. */
export async function findAnswer(
  sql: Sql,
  principal: string,
  key: string,
  now: Date,
): Promise<RememberedAnswer | undefined> {
  const oldest = new Date(now.getTime() - REMEMBER_MS);
  const [row] = await sql<Row & RawAnswer>`
    select fingerprint, status, body, created_at from functions.idempotency_keys
    where principal = ${principal} and key = ${key}`;
  if (row === undefined) return undefined;
  if (row.created_at >= oldest) return { principal, key, ...row, createdAt: row.created_at };
  // The key is free again; an old row in its place would only refuse the new one.
  await sql`delete from functions.idempotency_keys
    where principal = ${principal} and key = ${key} and created_at < ${oldest}`;
  return undefined;
}

/**
 * Remembers an answer, in the transaction of what it answers.
 *
 * @throws {UniqueViolation} When one is remembered under this key.
 */
export async function rememberAnswer(sql: Sql, answer: RememberedAnswer): Promise<void> {
  const { principal, key, fingerprint, status, body, createdAt } = answer;
  await sql`insert into functions.idempotency_keys
      (principal, key, fingerprint, status, body, created_at)
    values (${principal}, ${key}, ${fingerprint}, ${status}, ${JSON.stringify(body)}::text::jsonb,
      ${createdAt})`;
}

/**
 * Forgets the answers that are older than `now` − 24 h.
 *
 * @returns How many were forgotten.
 */
export async function purgeAnswers(sql: Sql, now: Date): Promise<number> {
  const oldest = new Date(now.getTime() - REMEMBER_MS);
  const rows = await sql`delete from functions.idempotency_keys where created_at < ${oldest}
    returning 1 as gone`;
  return rows.length;
}

/** Reads a row of `functions.idempotency_keys`. */
export function answerRow(row: Row): RememberedAnswer {
  const { principal, key, created_at: createdAt, ...raw } = row as Row & RawAnswer & {
    principal: string;
    key: string;
  };
  const { fingerprint, status, body } = raw;
  return { principal, key, fingerprint, status, body, createdAt };
}

interface RawAnswer {
  fingerprint: Uint8Array;
  status: number;
  body: RememberedAnswer["body"];
  created_at: Date;
}
