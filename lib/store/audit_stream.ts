/**
 * The stream of records about accesses, which change no row: a head without rows, whose revision
 * counts them.
 *
 * @module
 */
import type { AuditEntry } from "../audit/entry.ts";
import { type AuditRecord, signFloor } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import {
  makeHead,
  missingHead,
  NAMESPACES,
  NO_ROWS,
  openHead,
  type SetName,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { firstRecorded, lastRecorded, listStreams, putFloor } from "./audit_rows.ts";
import { nextHead } from "./head_change.ts";
import { findHead, listHeads, listPlaces, updateHead } from "./heads.ts";
import { makePlace } from "./new_places.ts";
import type { Sql } from "./sql.ts";

/** The stream of accesses. */
export const AUDIT: SetName = "@audit";

/** With what the stream is kept. */
export interface AuditStreamParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
}

/**
 * Makes the stream, once in the life of a database, and notes from where on the records of heads
 * from before are kept. A stream that was made and is gone stays so: `verify` tells of it.
 */
export async function ensureAudit(sql: Sql, ring: KeyRing): Promise<void> {
  if (await findHead(sql, AUDIT) !== undefined) return;
  await sql.transaction(async (tx) => {
    const before = await findHead(tx, NAMESPACES, { forUpdate: true });
    const { places } = await listPlaces(tx);
    if (before === undefined || places.some(({ namespace }) => namespace === AUDIT)) return;
    for (const { place, revision } of await listHeads(tx)) {
      const first = await firstRecorded(tx, place) ?? revision + 1;
      if (first > 1) await putFloor(tx, signFloor(ring, place, first));
    }
    await makePlace(tx, ring, before, makeHead(ring, AUDIT, 0, NO_ROWS));
  });
}

/** Ends the streams whose heads are gone for good: their records are kept to be shown. */
export async function closeStreams(sql: Sql, ring: KeyRing): Promise<void> {
  const open = new Set((await listHeads(sql)).map(({ place }) => place));
  for (const stream of await listStreams(sql)) {
    if (open.has(stream) || stream === NAMESPACES || stream === AUDIT) continue;
    await putFloor(sql, signFloor(ring, stream, await lastRecorded(sql, stream) + 1));
  }
}

/** Stores records of accesses, a batch at a time. Several servers share the stream. */
export class AuditStream {
  readonly #parts: AuditStreamParts;
  /** What was sent to be stored when the connection broke, by batch. */
  readonly #unsure = new WeakMap<readonly AuditEntry[], AuditRecord>();

  /** Reads nothing yet. */
  constructor(parts: AuditStreamParts) {
    this.#parts = parts;
  }

  /**
   * Stores a batch whole. One that is given again after a failure is stored once all the same.
   *
   * @throws {AppError} STORE_UNAVAILABLE, or INTEGRITY_VIOLATION when the head isn't as written.
   */
  async append(batch: readonly AuditEntry[]): Promise<void> {
    if (batch.length === 0) return;
    const { sql, ring, watch } = this.#parts;
    const stored = await sql.transaction(async (tx) => {
      const check = watch.begin([AUDIT]);
      const before = await findHead(tx, AUDIT, { forUpdate: true });
      if (before === undefined) throw missingHead(AUDIT);
      const rows = openHead(ring, before);
      check(AUDIT, before);
      const unsure = this.#unsure.get(batch);
      if (unsure !== undefined && await isStored(tx, unsure)) return before;
      const change = nextHead(ring, before, rows, batch);
      this.#unsure.set(batch, change.records[0]!);
      if (!await updateHead(tx, change)) throw missingHead(AUDIT);
      return change.after;
    });
    watch.note(stored);
  }
}

async function isStored(sql: Sql, { stream, firstRevision, mac }: AuditRecord): Promise<boolean> {
  const rows = await sql`select 1 as one from app.audit
    where stream = ${stream} and first_revision = ${firstRevision} and mac = ${mac}`;
  return rows.length === 1;
}
