/**
 * Places and sets that weren't there before: their heads, and their entry in the list of all.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import type { AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import {
  type Head,
  missingHead,
  moveRows,
  NAMESPACES,
  openHead,
  signPlace,
} from "../resolve/head.ts";
import { nextHead } from "./head_change.ts";
import { insertHead, updateHead } from "./heads.ts";
import type { Sql } from "./sql.ts";

/**
 * Adds a place with its head.
 *
 * @param list The head of the list, locked by this transaction.
 * @param head Not of the global scope, which is in no list.
 * @returns The list's new head.
 * @throws {AppError} INTEGRITY_VIOLATION when `list` isn't what is stored.
 * @throws {UniqueViolation} When there is a head of this place.
 */
export async function makePlace(tx: Sql, ring: KeyRing, list: Head, head: Head): Promise<Head> {
  const place = head.place;
  if (place === null) throw missingHead(null);
  const mac = signPlace(ring, place);
  await insertHead(tx, head, mac, []);
  const entry = { action: "place.create", actor: SYSTEM, namespace: place };
  return await enterPlaces(tx, ring, list, [mac], entry);
}

/**
 * Adds places that have a head to the list.
 *
 * @param list The head of the list, locked by this transaction.
 * @param macs What authenticates each of them as a place.
 * @param entry What is recorded of it.
 * @returns The list's new head.
 * @throws {AppError} INTEGRITY_VIOLATION when `list` isn't what is stored.
 */
export async function enterPlaces(
  tx: Sql,
  ring: KeyRing,
  list: Head,
  macs: readonly Uint8Array[],
  entry: AuditEntry,
): Promise<Head> {
  const rows = moveRows(ring, openHead(ring, list), macs.map((mac) => ({ after: { mac } })));
  const change = nextHead(ring, list, rows, [entry]);
  if (!await updateHead(tx, change)) throw missingHead(NAMESPACES);
  return change.after;
}
