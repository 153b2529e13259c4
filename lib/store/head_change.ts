/**
 * What follows on a head: its next revision, and one that is far ahead of whatever there was.
 *
 * @module
 */
import type { Actor, AuditEntry } from "../audit/entry.ts";
import { recordsOf, type Span } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import {
  type Head,
  makeHead,
  NAMESPACES,
  type Place,
  type PlaceRows,
  signPlace,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { lastRecorded } from "./audit_rows.ts";
import { type HeadChange, putHead } from "./heads.ts";
import type { Sql } from "./sql.ts";

/** How far a revision goes on, so that no server takes the new head for an old one. */
const FORWARD = 1_000_000;

/**
 * Makes the head that comes after `before`, and the records of what led to it.
 *
 * @param rows What is in the place then.
 * @param entries One for each revision, or a single one that covers them all.
 * @param steps How many revisions it goes on.
 * @throws {TypeError} When there are other numbers of entries.
 */
export function nextHead(
  ring: KeyRing,
  before: Head,
  rows: PlaceRows,
  entries: readonly AuditEntry[],
  steps: number = entries.length,
): HeadChange {
  const { place: stream, revision } = before;
  const after = makeHead(ring, stream, revision + steps, rows);
  const records = recordsOf(ring, { stream, after: revision, to: after.revision }, entries);
  return { before, after, records };
}

/**
 * The revisions that an accepted head jumps over: from what is stored or recorded to far beyond that
 * and what this server has seen.
 *
 * @param before The head that is stored, if there is one.
 */
export async function jumpOf(
  sql: Sql,
  watch: HeadWatch,
  place: Place,
  before: Head | undefined,
): Promise<Span> {
  const after = Math.max(before?.revision ?? 0, await lastRecorded(sql, place));
  return { stream: place, after, to: Math.max(after, watch.revision(place)) + FORWARD };
}

/** What somebody takes for right. */
export interface Acceptance {
  readonly rows: PlaceRows;
  /** Who accepts. */
  readonly actor: Actor;
  /** How many rows there are, and how many went because they were damaged. */
  readonly result: { readonly accepted: number; readonly discarded: number };
}

/**
 * Puts a head there for what somebody has accepted, whatever the head was.
 *
 * @param jump As {@linkcode jumpOf} has it.
 * @returns The head, which is to be noted once the transaction has committed.
 */
export async function putAcceptedHead(
  sql: Sql,
  ring: KeyRing,
  jump: Span,
  { rows, actor, result }: Acceptance,
): Promise<Head> {
  const { stream: place } = jump;
  const head = makeHead(ring, place, jump.to, rows);
  const detail = { ...result };
  const entry = { action: "place.accept", actor, namespace: place, count: 1, detail };
  const isListed = place !== null && place !== NAMESPACES;
  const placeMac = isListed ? signPlace(ring, place) : null;
  await putHead(sql, head, placeMac, recordsOf(ring, jump, [entry]));
  return head;
}
