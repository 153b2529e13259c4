/**
 * Taking the secrets that a place has now for the right ones, after somebody has looked: a row that
 * was removed would otherwise close its place for ever.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { signSecretRow, verifySecretRow, verifyVersionRow } from "../resolve/associated_data.ts";
import { moveRows, NAMESPACES, NO_ROWS, openHead, type Place, signPlace } from "../resolve/head.ts";
import type { SecretRow } from "../resolve/records.ts";
import { openVersion } from "../resolve/resolver.ts";
import type { Namespace } from "../resolve/ref.ts";
import { closeStreams } from "../store/audit_stream.ts";
import { jumpOf, putAcceptedHead } from "../store/head_change.ts";
import { findHead, listHeads, removeHead, replacePlaceMac } from "../store/heads.ts";
import { pageOfPlace } from "../store/history_scan.ts";
import { discardSecret, mendSecret, tellOfPlace } from "../store/mending.ts";
import { listVersions } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";
import { type Accepted, type AcceptWith, damagedRows } from "../verify/verification.ts";
import { problemsOf } from "../verify/verify.ts";
import type { VerifyTools } from "./verify.ts";

const PAGE = 500;
const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Makes a new head for the secrets that are there.
 *
 * Old copies of rows count as what they say; nobody can tell them from others any more. A secret
 * whose current version isn't sound is damaged, and so is a history with a gap.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when something is damaged and not to be discarded.
 */
export async function acceptPlace(
  { sql, ring, watch }: VerifyTools,
  place: Namespace | null,
  { discard, actor }: AcceptWith,
): Promise<Accepted> {
  const { head, result } = await sql.transaction(async (tx) => {
    const before = await findHead(tx, place, { forUpdate: true });
    const kept: SecretRow[] = [];
    let discarded = 0;
    for (let after: string | null = FIRST; after !== null;) {
      const rows: SecretRow[] = await pageOfPlace(tx, place, after, PAGE);
      for (const row of rows) {
        const mended = await mend(tx, ring, row);
        if (mended !== row) discarded++;
        if (mended !== null) kept.push(mended);
      }
      after = rows.at(-1)?.id ?? null;
    }
    if (discarded > 0 && !discard) throw damagedRows(discarded);
    const rows = moveRows(ring, NO_ROWS, kept.map((after) => ({ after })));
    const result = { accepted: kept.length, discarded };
    const jump = await jumpOf(tx, watch, place, before);
    const head = await putAcceptedHead(tx, ring, jump, { rows, actor, result });
    await tellOfPlace(tx, place);
    return { head, result };
  });
  watch.forget(place);
  watch.note(head);
  return result;
}

/** The row as it can stay: itself, with a shorter history, or not at all. */
async function mend(sql: Sql, ring: KeyRing, row: SecretRow): Promise<SecretRow | null> {
  if (problemsOf(() => verifySecretRow(ring, row)).length > 0) {
    await discardSecret(sql, row.id);
    return null;
  }
  const versions = await listVersions(sql, row.id);
  const sound = new Set(
    versions.filter((version) =>
      problemsOf(() => openVersion(ring, row, verifyVersionRow(ring, row, version))).length === 0
    ).map(({ version }) => version),
  );
  let oldest = row.version + 1;
  while (sound.has(oldest - 1) && oldest > row.oldestVersion) oldest--;
  if (oldest === row.oldestVersion && versions.length === row.version - oldest + 1) return row;
  if (oldest > row.version) {
    await discardSecret(sql, row.id);
    return null;
  }
  const { mac: _old, ...columns } = row;
  const mended = signSecretRow(ring, { ...columns, oldestVersion: oldest });
  await mendSecret(sql, mended);
  return mended;
}

/**
 * Makes a new list of the namespaces and sets that have a head.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when a head is damaged and not to be discarded.
 */
export async function acceptPlaces(
  { sql, ring, watch }: VerifyTools,
  { discard, actor }: AcceptWith,
): Promise<Accepted> {
  const { head, result } = await sql.transaction(async (tx) => {
    const before = await findHead(tx, NAMESPACES, { forUpdate: true });
    const macs: Uint8Array[] = [];
    const damaged: Place[] = [];
    for (const each of await listHeads(tx)) {
      if (each.place === null || each.place === NAMESPACES) continue;
      if (problemsOf(() => openHead(ring, each)).length > 0) {
        damaged.push(each.place);
        continue;
      }
      const mac = signPlace(ring, each.place);
      await replacePlaceMac(tx, each.place, mac);
      macs.push(mac);
    }
    if (damaged.length > 0 && !discard) throw damagedRows(damaged.length);
    for (const place of damaged) await removeHead(tx, place);
    const rows = moveRows(ring, NO_ROWS, macs.map((mac) => ({ after: { mac } })));
    await closeStreams(tx, ring);
    const result = { accepted: macs.length, discarded: damaged.length };
    const jump = await jumpOf(tx, watch, NAMESPACES, before);
    const head = await putAcceptedHead(tx, ring, jump, { rows, actor, result });
    return { head, result };
  });
  watch.forget(NAMESPACES);
  watch.note(head);
  return result;
}
