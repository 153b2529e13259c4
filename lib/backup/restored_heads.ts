/**
 * The heads of places that were brought in whole.
 *
 * @module
 */
import type { AuditEntry } from "../audit/entry.ts";
import { recordsOf } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import {
  type Head,
  makeHead,
  missingHead,
  NAMESPACES,
  openHead,
  type PlaceRows,
  signPlace,
} from "../resolve/head.ts";
import type { Namespace } from "../resolve/ref.ts";
import { nextHead } from "../store/head_change.ts";
import { findHead, insertHead, updateHead } from "../store/heads.ts";
import { enterPlaces } from "../store/new_places.ts";
import type { Sql } from "../store/sql.ts";

/**
 * Writes the head of each place, and enters those that are new in the list of namespaces.
 *
 * @param entryOf What is recorded of a place (`null` for the list, too) and of how many rows there
 * are, or how many places came to the list.
 * @returns The heads that are now stored.
 * @throws {AppError} INTEGRITY_VIOLATION when one that must be there is not, or not as written.
 */
export async function writeHeads(
  tx: Sql,
  ring: KeyRing,
  places: ReadonlyMap<Namespace | null, PlaceRows>,
  entryOf: (place: Namespace | null, count: number) => AuditEntry,
): Promise<Head[]> {
  const heads: Head[] = [];
  const macs: Uint8Array[] = [];
  for (const [place, rows] of places) {
    const entry = entryOf(place, rows.live.count);
    const before = await findHead(tx, place);
    if (before !== undefined) {
      heads.push(await replaceHead(tx, ring, before, rows, entry));
      continue;
    }
    if (place === null) throw missingHead(null);
    const mac = signPlace(ring, place);
    const head = makeHead(ring, place, 1, rows);
    const span = { stream: place, after: 0, to: head.revision };
    await insertHead(tx, head, mac, recordsOf(ring, span, [entry]));
    heads.push(head);
    macs.push(mac);
  }
  const list = await findHead(tx, NAMESPACES);
  if (list === undefined) throw missingHead(NAMESPACES);
  heads.push(await enterPlaces(tx, ring, list, macs, entryOf(null, macs.length)));
  return heads;
}

async function replaceHead(
  tx: Sql,
  ring: KeyRing,
  before: Head,
  rows: PlaceRows,
  entry: AuditEntry,
): Promise<Head> {
  openHead(ring, before);
  const change = nextHead(ring, before, rows, [entry]);
  if (!await updateHead(tx, change)) throw missingHead(before.place);
  return change.after;
}
