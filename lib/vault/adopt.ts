/**
 * Heads for a database that has none: a new one, or one from before there were heads.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import { recordsOf } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { isOfVersion1, signSecretRow, verifySecretRow } from "../resolve/associated_data.ts";
import {
  makeHead,
  moveRows,
  NAMESPACES,
  NO_ROWS,
  type PlaceRows,
  signPlace,
} from "../resolve/head.ts";
import { describeRef, type SecretRow } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { lockTransaction } from "../store/advisory_lock.ts";
import { findHead, insertHead, listHeads, removeHead } from "../store/heads.ts";
import { scanSecrets, signAgain } from "../store/secret_scan.ts";
import type { Sql } from "../store/sql.ts";

/**
 * Makes the heads, once in the life of a database.
 *
 * Rows that are there from before are taken for the right ones if their own MACs are; which of
 * them were dropped or put back from an old copy until now, nobody can tell. They are signed again
 * in a form that says so: a database with rows of that form but without heads was robbed of them,
 * and is refused.
 *
 * @returns How many secrets from before were adopted.
 * @throws {AppError} INTEGRITY_VIOLATION when there were heads before.
 */
export function ensureHeads(sql: Sql, ring: KeyRing): Promise<number> {
  return sql.transaction(async (tx) => {
    await lockTransaction(tx, "heads");
    if (await findHead(tx, NAMESPACES) !== undefined) return 0;
    const places = new Map<Namespace | null, PlaceRows>([[null, NO_ROWS]]);
    const revisions = new Map((await listHeads(tx)).map((head) => [head.place, head.revision]));
    for (const place of revisions.keys()) places.set(place as Namespace | null, NO_ROWS);
    let adopted = 0;
    for await (const rows of scanSecrets(tx)) {
      const signed = rows.flatMap((row) => adopt(ring, row));
      await signAgain(tx, signed);
      for (const row of signed) {
        const before = places.get(row.namespace) ?? NO_ROWS;
        places.set(row.namespace, moveRows(ring, before, [{ after: row }]));
      }
      adopted += signed.length;
    }
    await writeHeads(tx, ring, places, revisions);
    return adopted;
  });
}

/** A row that isn't genuine stays as it is, in no set: it is refused wherever it is read. */
function adopt(ring: KeyRing, row: SecretRow): SecretRow[] {
  if (isOfVersion1(ring, row)) return [signSecretRow(ring, row)];
  try {
    verifySecretRow(ring, row);
  } catch {
    return [];
  }
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Heads are missing, although there were some when ${describeRef(row)} was written`,
  );
}

async function writeHeads(
  sql: Sql,
  ring: KeyRing,
  places: ReadonlyMap<Namespace | null, PlaceRows>,
  revisions: ReadonlyMap<unknown, number>,
): Promise<void> {
  const macs: Uint8Array[] = [];
  for (const [place, rows] of places) {
    const mac = place === null ? null : signPlace(ring, place);
    if (mac !== null) macs.push(mac);
    await removeHead(sql, place);
    const before = revisions.get(place);
    const revision = (before ?? -1) + 1;
    const entry = { action: "place.adopt", actor: SYSTEM, namespace: place };
    const records = before === undefined
      ? []
      : recordsOf(ring, { stream: place, after: before, to: revision }, [entry]);
    await insertHead(sql, makeHead(ring, place, revision, rows), mac, records);
  }
  const list = moveRows(ring, NO_ROWS, macs.map((mac) => ({ after: { mac } })));
  await insertHead(sql, makeHead(ring, NAMESPACES, 0, list), null, []);
}
