/**
 * Sets of rows come to be: once in the life of a database, and again when somebody has looked at the
 * rows and takes them for right.
 *
 * @module
 */
import type { Actor } from "../audit/entry.ts";
import { macKeyId } from "../crypto/envelope.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { checkPlaces, makeHead, moveRows, NAMESPACES, NO_ROWS } from "../resolve/head.ts";
import { jumpOf, putAcceptedHead } from "./head_change.ts";
import { findHead, listPlaces } from "./heads.ts";
import { makePlace } from "./new_places.ts";
import {
  memberColumns,
  memberOf,
  type RawMember,
  type RowSetSpec,
  RowSetStore,
  type RowSetTools,
} from "./row_sets.ts";
import type { Row, Sql } from "./sql.ts";

/**
 * Opens a table's set. Where the database never had it, it is made of the rows that are there. A set
 * that was made and is gone stays so: whatever reads from it is refused.
 */
export async function openRowSet(
  sql: Sql,
  spec: RowSetSpec,
  tools: RowSetTools,
): Promise<RowSetStore> {
  if (await findHead(sql, spec.name) === undefined) {
    await sql.transaction((tx) => makeRowSet(tx, spec, tools.ring));
  }
  return new RowSetStore(spec, tools);
}

async function makeRowSet(tx: Sql, spec: RowSetSpec, ring: KeyRing): Promise<void> {
  const { name, table } = spec;
  const list = await findHead(tx, NAMESPACES, { forUpdate: true });
  const { places } = await listPlaces(tx);
  const wasMade = places.some(({ namespace }) => namespace === name);
  // A list that isn't whole doesn't tell whether the set was in it.
  if (wasMade || list === undefined || !isWhole(() => checkPlaces(ring, list, places))) return;
  const rows = await tx.query<RawMember>(`select ${memberColumns(spec)} from ${table} t`);
  // A row by a key of another ring is no row of ours; it is told of, and can be discarded.
  const own = rows.filter(({ row_mac: mac }) => ring.knows(macKeyId(mac!)));
  const moves = own.map((row) => ({ after: memberOf(row) }));
  await makePlace(tx, ring, list, makeHead(ring, name, 0, moveRows(ring, NO_ROWS, moves)));
}

/** How rows are accepted as they are. */
export interface AcceptRows {
  /** Tells whether a row is as it was written. */
  isSound(row: Row): boolean;
  /** Whether rows that aren't are removed. */
  readonly discard: boolean;
  /** Who accepts. */
  readonly actor: Actor;
}

/**
 * Makes a new head for the rows that are there, whatever it was.
 *
 * @returns How many rows there are, and how many were not sound; when those are not to be discarded,
 * nothing was changed.
 */
export async function acceptRowSet(
  sql: Sql,
  spec: RowSetSpec,
  { ring, watch }: RowSetTools,
  { isSound, discard, actor }: AcceptRows,
): Promise<{ accepted: number; discarded: number }> {
  const { name, table } = spec;
  const { head, result } = await sql.transaction(async (tx) => {
    const before = await findHead(tx, name, { forUpdate: true });
    const all = await tx.query<RawMember>(`select *, ${memberColumns(spec)} from ${table} t`);
    const { sound = [], damaged = [] } = Object.groupBy(
      all,
      (row) => isSound(row) ? "sound" : "damaged",
    );
    const result = { accepted: sound.length, discarded: damaged.length };
    if (damaged.length > 0 && !discard) return { result };
    for (const row of damaged) {
      await tx.query(`delete from ${table} where mac = $1`, [row.row_mac!]);
    }
    const jump = await jumpOf(tx, watch, name, before);
    const rows = moveRows(ring, NO_ROWS, sound.map((row) => ({ after: memberOf(row) })));
    return { head: await putAcceptedHead(tx, ring, jump, { rows, actor, result }), result };
  });
  if (head === undefined) return result;
  watch.forget(name);
  watch.note(head);
  return result;
}

function isWhole(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
