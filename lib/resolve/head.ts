/**
 * Heads: which rows there are in a place, counted, hashed and authenticated together.
 *
 * A row's own MAC tells that it was once written by the server. It doesn't tell whether the row is
 * the latest of its kind, nor whether another one is missing. That is what a head is for: every
 * write changes it in the same statement as the row.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { RowSet } from "../crypto/row_set.ts";
import { AppError } from "../errors.ts";
import { isAuthentic } from "./associated_data.ts";
import type { Namespace } from "./ref.ts";

/** Sets that are about the whole database. No namespace can be called like one. */
export const NAMESPACES = "@namespaces";

/** The name of a set of rows that are not secrets. */
export type SetName = `@${string}`;

/** What a head is of: the global scope (`null`), a namespace, or another set. */
export type Place = Namespace | SetName | null;

/** A set of rows as it is stored. */
export interface SealedSet {
  readonly count: number;
  readonly digest: Uint8Array;
}

/** A row of `functions.heads` before it is authenticated. */
export interface UnsignedHead {
  readonly place: Place;
  /** Goes up with every change. */
  readonly revision: number;
  readonly live: SealedSet;
  /** Of secrets: those that were deleted and can still be restored. */
  readonly deleted: SealedSet;
}

/** A row of `functions.heads`. */
export interface Head extends UnsignedHead {
  readonly mac: Uint8Array;
}

/** The rows of a place. */
export interface PlaceRows {
  readonly live: RowSet;
  readonly deleted: RowSet;
}

/** A row that can be in a set. */
export interface SetRow {
  readonly mac: Uint8Array;
  /** `null`, or left out, while it is live. */
  readonly deletedAt?: Date | null;
}

/** A row that changes, appears (without `before`) or goes (without `after`). */
export interface RowMove {
  readonly before?: SetRow | undefined;
  readonly after?: SetRow | undefined;
}

/** A place without rows. */
export const NO_ROWS: PlaceRows = { live: RowSet.EMPTY, deleted: RowSet.EMPTY };

const HEAD_ROW = "fluxbase/row/head/v1";
const PLACE = "fluxbase/row/place/v1";

/** Makes the head of `place` with these rows. A revision must not come twice. */
export function makeHead(ring: KeyRing, place: Place, revision: number, rows: PlaceRows): Head {
  const seal = (kind: keyof PlaceRows): SealedSet => ({
    count: rows[kind].count,
    digest: rows[kind].seal(ring, [place, revision, kind]),
  });
  const unsigned = { place, revision, live: seal("live"), deleted: seal("deleted") };
  return { ...unsigned, mac: ring.mac("row", headMessage(unsigned)) };
}

/**
 * Reads which rows a head has.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when it is not as it was written.
 */
export function openHead(ring: KeyRing, head: Head): PlaceRows {
  const { place, revision } = head;
  if (!isAuthentic(ring, () => headMessage(head), head.mac)) throw notAsWritten(place);
  const open = (kind: keyof PlaceRows): RowSet => {
    const { count, digest } = head[kind];
    const set = RowSet.open(ring, count, digest, [place, revision, kind]);
    if (set === null) throw notAsWritten(place);
    return set;
  };
  return { live: open("live"), deleted: open("deleted") };
}

/**
 * What rows there are after some have changed. The rows must have been verified.
 *
 * @throws {TypeError} When a MAC names a key that the ring doesn't have.
 */
export function moveRows(ring: KeyRing, rows: PlaceRows, moves: Iterable<RowMove>): PlaceRows {
  const sets = { ...rows };
  for (const { before, after } of moves) {
    if (before) sets[kindOf(before)] = sets[kindOf(before)].without(ring, before.mac);
    if (after) sets[kindOf(after)] = sets[kindOf(after)].with(ring, after.mac);
  }
  return sets;
}

/**
 * Lets verified rows through if they are the ones that the head has, no more and no less.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the place when they aren't.
 */
export function checkRows(
  ring: KeyRing,
  head: Head,
  rows: readonly SetRow[],
  kind: keyof PlaceRows = "live",
): void {
  const set = openHead(ring, head)[kind];
  if (isSetOf(ring, set, rows)) return;
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Rows of ${describePlace(head.place)} were removed or replaced by older ones`,
  );
}

/**
 * The same for rows of both kinds.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the place when they aren't all, or are too many.
 */
export function checkAllRows(ring: KeyRing, head: Head, rows: readonly SetRow[]): void {
  for (const kind of ["live", "deleted"] as const) {
    checkRows(ring, head, rows.filter((row) => kindOf(row) === kind), kind);
  }
}

function kindOf({ deletedAt }: SetRow): keyof PlaceRows {
  return (deletedAt ?? null) === null ? "live" : "deleted";
}

function isSetOf(ring: KeyRing, set: RowSet, rows: readonly SetRow[]): boolean {
  try {
    return set.equals(RowSet.of(ring, rows.map(({ mac }) => mac)));
  } catch {
    // A MAC by a key that the ring doesn't have.
    return false;
  }
}

/** Authenticates that there is this namespace, or this set. */
export function signPlace(ring: KeyRing, namespace: Namespace | SetName): Uint8Array {
  return ring.mac("row", canonical(PLACE, [namespace]));
}

/** A namespace, or a set, and what {@linkcode signPlace} made of it. */
export interface SignedPlace {
  readonly namespace: Namespace | SetName;
  readonly mac: Uint8Array;
}

/**
 * Lets namespaces through if they are all that there are.
 *
 * @param registry The head {@linkcode NAMESPACES}.
 * @throws {AppError} INTEGRITY_VIOLATION when one is missing or invented.
 */
export function checkPlaces(
  ring: KeyRing,
  registry: Head | undefined,
  places: readonly SignedPlace[],
): void {
  if (registry === undefined) throw missingHead(NAMESPACES);
  for (const { namespace, mac } of places) {
    const genuine = isAuthentic(ring, () => canonical(PLACE, [namespace]), mac);
    if (!genuine) throw notAsWritten(namespace);
  }
  checkRows(ring, registry, places);
}

/** The error for a head that must be there. */
export function missingHead(place: Place): AppError {
  return new AppError("INTEGRITY_VIOLATION", `Head of ${describePlace(place)} is missing`);
}

/** How a place is called in a message. */
export function describePlace(place: Place): string {
  if (place === null) return "the global scope";
  if (place === NAMESPACES) return "the list of namespaces";
  return place.startsWith("@") ? `the set ${place.slice(1)}` : `namespace "${place}"`;
}

function headMessage({ place, revision, live, deleted }: UnsignedHead): Uint8Array {
  return canonical(HEAD_ROW, [
    place,
    revision,
    live.count,
    live.digest,
    deleted.count,
    deleted.digest,
  ]);
}

function notAsWritten(place: Place): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `Head of ${describePlace(place)} is not as it was written`,
  );
}
