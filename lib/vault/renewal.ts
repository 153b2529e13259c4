/**
 * Making secrets' rows and heads anew under the newest row key.
 *
 * @module
 */
import { macKeyId } from "../crypto/envelope.ts";
import type { RenewalTools, RenewedBatch } from "../keyring/sealed_table.ts";
import { BATCH, renewalEntry, unlessDamaged } from "../keyring/sealed_table.ts";
import { AppError } from "../errors.ts";
import { signSecretRow, verifySecretRow } from "../resolve/associated_data.ts";
import { checkPlaces, moveRows, NAMESPACES, openHead, signPlace } from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { SecretRow } from "../resolve/records.ts";
import { nextHead } from "../store/head_change.ts";
import { findHead, listHeads, listPlaces, replacePlaceMac, updateHead } from "../store/heads.ts";
import { findStale, macKey } from "../store/renewal.ts";
import { findSecretsById } from "../store/secret_scan.ts";
import type { Sql } from "../store/sql.ts";
import type { HeadKeeper, SecretPlace } from "./head_keeper.ts";

/**
 * Makes a batch of `functions.secrets` anew, each place together with its head.
 *
 * @param after Where the batch before ended.
 */
export async function renewSecrets(
  tools: RenewalTools,
  keeper: HeadKeeper,
  after: string,
): Promise<RenewedBatch> {
  const { sql, ring } = tools;
  const query = {
    table: "functions.secrets",
    select: "t.id, t.namespace",
    columns: [{ id: macKey("t.mac"), purpose: "row" as const }],
  };
  const { rows, next } = await findStale(sql, query, [ring.primaryId("row")], after, BATCH);
  let done = 0;
  for (const [place, group] of Map.groupBy(rows, (row) => row.namespace as SecretPlace)) {
    done += await unlessBroken(() => renewPlace(tools, keeper, place, group.map(({ id }) => id)));
  }
  return { done, lost: 0, damaged: rows.length - done, next };
}

/** Locked, so that what is read is what is there, and no writer can come between. */
function renewPlace(
  { ring, breathe }: RenewalTools,
  keeper: HeadKeeper,
  place: SecretPlace,
  ids: readonly unknown[],
): Promise<number> {
  return keeper.transact([place], async ({ sql, maintain }) => {
    const changes = [];
    for (const before of await findSecretsById(sql, ids as string[])) {
      const after = unlessDamaged(() => {
        const { mac: _old, ...columns }: SecretRow = verifySecretRow(ring, before);
        return signSecretRow(ring, columns);
      });
      if (after !== null) changes.push({ before, after });
      await breathe();
    }
    const entry = { ...renewalEntry("functions.secrets"), namespace: place };
    return await maintain(place, changes, entry) ? changes.length : 0;
  });
}

/** Makes the heads anew that are not yet, and the list of namespaces. */
export async function renewHeads(
  { sql, ring, breathe }: RenewalTools,
  keeper: HeadKeeper,
  watch: HeadWatch,
): Promise<RenewedBatch> {
  const primary = ring.primaryId("row");
  const stale = (await listHeads(sql)).filter(({ mac, place }) =>
    place !== NAMESPACES && macKeyId(mac) !== primary
  );
  let done = 0;
  for (const { place } of stale) {
    done += await unlessBroken(() =>
      keeper.transact(
        [place as SecretPlace],
        async ({ maintain }) =>
          await maintain(place as SecretPlace, [], renewalEntry("functions.heads")) ? 1 : 0,
      )
    );
    await breathe();
  }
  await unlessBroken(() => renewPlaceList(sql, ring, watch));
  return { done, lost: 0, damaged: stale.length - done, next: null };
}

async function renewPlaceList(
  sql: Sql,
  ring: RenewalTools["ring"],
  watch: HeadWatch,
): Promise<number> {
  const primary = ring.primaryId("row");
  const written = await sql.transaction(async (tx) => {
    const before = await findHead(tx, NAMESPACES, { forUpdate: true });
    const { places } = await listPlaces(tx);
    checkPlaces(ring, before, places);
    const stale = places.filter(({ mac }) => macKeyId(mac) !== primary);
    if (stale.length === 0 && macKeyId(before!.mac) === primary) return undefined;
    const moves = [];
    for (const { namespace, mac } of stale) {
      const after = signPlace(ring, namespace);
      await replacePlaceMac(tx, namespace, after);
      moves.push({ before: { mac }, after: { mac: after } });
    }
    const rows = moveRows(ring, openHead(ring, before!), moves);
    const change = nextHead(ring, before!, rows, [renewalEntry("functions.heads")]);
    return await updateHead(tx, change) ? change.after : undefined;
  });
  if (written !== undefined) watch.note(written);
  return 0;
}

/** A place whose head is not as it was written is left as it is: `verify` tells of it. */
async function unlessBroken(renew: () => Promise<number>): Promise<number> {
  try {
    return await renew();
  } catch (error) {
    if (error instanceof AppError && error.code === "INTEGRITY_VIOLATION") return 0;
    throw error;
  }
}
