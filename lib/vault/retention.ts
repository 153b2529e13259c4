/**
 * What is kept of what is over: deleted secrets for a while, and so much of a history.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import { signSecretRow, verifySecretRow } from "../resolve/associated_data.ts";
import type { SecretRow } from "../resolve/records.ts";
import {
  findDeletedBefore,
  findLongHistories,
  type HistoryLimits,
  type LongHistory,
} from "../store/deleted_secrets.ts";
import type { SecretChange } from "../store/secret_writes.ts";
import { problemsOf } from "../verify/verify.ts";
import type { HeadKeeper, SecretPlace } from "./head_keeper.ts";
import type { VerifyTools } from "./verify.ts";

/** With what is cleaned up. */
export interface RetentionTools extends Pick<VerifyTools, "sql" | "ring"> {
  readonly keeper: HeadKeeper;
}

const BATCH = 500;

/**
 * Removes for good what was deleted before `before`. A row that is not as it was written stays.
 *
 * @returns How many secrets were removed.
 */
export async function purgeDeleted(tools: RetentionTools, before: Date): Promise<number> {
  let removed = 0;
  for (;;) {
    const found = await findDeletedBefore(tools.sql, before, BATCH);
    const sound = found.filter((row) => isSound(tools, row));
    let done = 0;
    for (const [place, rows] of Map.groupBy(sound, ({ namespace }) => namespace)) {
      done += await removeRows(tools.keeper, place, rows);
    }
    removed += done;
    if (found.length < BATCH || done === 0) return removed;
  }
}

/** Removes rows for good, unless one of them was changed meanwhile. */
export function removeRows(
  keeper: HeadKeeper,
  place: SecretPlace,
  rows: readonly SecretRow[],
): Promise<number> {
  return keeper.transact(
    [place],
    async ({ remove }) =>
      await remove(place, rows, ({ namespace, name, version }) => ({
          action: "secret.purge",
          actor: SYSTEM,
          namespace,
          name,
          version,
        }))
        ? rows.length
        : 0,
  );
}

/**
 * Shortens histories that are longer than is kept. The current version always stays.
 *
 * @returns How many secrets have a shorter history.
 */
export async function trimHistories(tools: RetentionTools, limits: HistoryLimits): Promise<number> {
  if (limits.versions === null && limits.replacedBefore === null) return 0;
  let trimmed = 0;
  for (;;) {
    const found = await findLongHistories(tools.sql, limits, BATCH);
    const sound = found.filter(({ row }) => isSound(tools, row));
    let done = 0;
    for (const [place, group] of Map.groupBy(sound, ({ row }) => row.namespace)) {
      const changes = group.map((each) => trim(tools, each));
      const entry = { action: "secret.trim", actor: SYSTEM, namespace: place };
      const stored = await tools.keeper.transact(
        [place],
        ({ maintain }) => maintain(place, changes, entry),
      );
      if (stored) done += changes.length;
    }
    trimmed += done;
    if (found.length < BATCH || done === 0) return trimmed;
  }
}

function trim({ ring }: RetentionTools, { row, oldest }: LongHistory): SecretChange {
  const { mac: _old, ...columns } = row;
  const oldestVersion = Math.min(oldest, row.version);
  return { before: row, after: signSecretRow(ring, { ...columns, oldestVersion }) };
}

function isSound({ ring }: RetentionTools, row: SecretRow): boolean {
  return problemsOf(() => verifySecretRow(ring, row)).length === 0;
}
