/**
 * When a secret was deleted and brought back.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";

/** Epoch milliseconds. */
type Absence = readonly [deleted: number, restored: number];

/** The most that are remembered; the oldest goes first. */
const MAX_ABSENCES = 100;

/** The absences of a deleted secret that comes back at `now`. */
export function addAbsence({ absences, deletedAt }: SecretRow, now: Date): string {
  if (deletedAt === null) return absences;
  const all: Absence[] = [...parse(absences), [deletedAt.getTime(), now.getTime()]];
  return JSON.stringify(all.slice(-MAX_ABSENCES));
}

/** Tells whether a secret was deleted at `at`, and came back later. */
export function wasAbsent({ absences }: SecretRow, at: Date): boolean {
  const ms = at.getTime();
  return parse(absences).some(([deleted, restored]) => deleted <= ms && ms < restored);
}

/** The text was written by {@linkcode addAbsence}, and has been authenticated since. */
function parse(absences: string): Absence[] {
  return JSON.parse(absences) as Absence[];
}
