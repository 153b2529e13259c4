/**
 * What a place must become to be what it was at a moment. Pure.
 *
 * @module
 */
import type { SecretRow, VersionMetadata } from "../resolve/records.ts";
import type { SecretName } from "../resolve/ref.ts";
import { wasAbsent } from "./absences.ts";

/** What becomes of a secret. */
export type MomentAction = "delete" | "restore" | "rollback";

/** One step. */
export interface MomentStep {
  readonly action: MomentAction;
  readonly row: SecretRow;
  /** The version whose value counts again; `null` when it goes, or the value is the current one. */
  readonly version: number | null;
}

/** The way back, and what is in the way. */
export interface MomentPlan {
  /** Those that free a name come first. */
  readonly steps: readonly MomentStep[];
  readonly unchanged: readonly SecretRow[];
  /** Secrets whose value at that moment retention has removed. */
  readonly lost: readonly SecretName[];
}

/**
 * Plans the way back.
 *
 * A secret was there from its creation until it was deleted, but for the times in between at which
 * it was deleted, too; which value it had, the times of its versions tell.
 *
 * @param rows All secrets of the place, live and deleted.
 * @param versions Their versions, by the secret's id, oldest first.
 */
export function planMoment(
  rows: readonly SecretRow[],
  versions: ReadonlyMap<string, readonly VersionMetadata[]>,
  at: Date,
): MomentPlan {
  const steps: MomentStep[] = [];
  const unchanged: SecretRow[] = [];
  const lost: SecretName[] = [];
  for (const [name, group] of Map.groupBy(rows, (row) => row.name)) {
    const live = group.find(({ deletedAt }) => deletedAt === null);
    const wanted = group.filter((row) => wasThere(row, at)).sort(byCreation).at(-1);
    if (live !== undefined && live !== wanted) {
      steps.push({ action: "delete", row: live, version: null });
    }
    if (wanted === undefined) continue;
    const version = (versions.get(wanted.id) ?? []).findLast(({ createdAt }) => createdAt <= at)
      ?.version;
    if (version === undefined) {
      lost.push(name);
      continue;
    }
    const value = version === wanted.version ? null : version;
    if (wanted !== live) steps.push({ action: "restore", row: wanted, version: value });
    else if (value !== null) steps.push({ action: "rollback", row: wanted, version: value });
    else unchanged.push(wanted);
  }
  steps.sort((a, b) => Number(b.action === "delete") - Number(a.action === "delete"));
  return { steps, unchanged, lost };
}

function wasThere(row: SecretRow, at: Date): boolean {
  const { createdAt, deletedAt } = row;
  return createdAt <= at && (deletedAt === null || deletedAt > at) && !wasAbsent(row, at);
}

function byCreation(a: SecretRow, b: SecretRow): number {
  return a.createdAt.getTime() - b.createdAt.getTime();
}
