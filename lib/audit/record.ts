/**
 * Records of the audit as they are stored: each covers revisions of a head, and is authenticated.
 *
 * A head's revision is authenticated and only goes up. Since whatever moves it also leaves records
 * for exactly the revisions in between, a removed record is a gap, an altered one fails its MAC, and
 * the newest is known by the head itself.
 *
 * @module
 */
import { canonical } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import type { Place } from "../resolve/head.ts";
import type { ActorKind, AuditEntry } from "./entry.ts";

/** A record before it is authenticated. */
export interface UnsignedAuditRecord {
  /** The head whose revisions it covers. */
  readonly stream: Place;
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly at: Date;
  readonly action: string;
  readonly outcome: "done" | "denied";
  readonly principal: string | null;
  readonly principalKind: ActorKind;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly executionId: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly version: number | null;
  readonly count: number;
  /** JSON, the members in the order of their names. */
  readonly detail: string | null;
}

/** A row of `app.audit`. */
export interface AuditRecord extends UnsignedAuditRecord {
  readonly mac: Uint8Array;
}

/** A row of `app.audit_floors`: from which revision on the records of a stream are kept. */
export interface AuditFloor {
  readonly stream: Place;
  readonly revision: number;
  readonly mac: Uint8Array;
}

const RECORD = "fluxbase/row/audit/v1";
const FLOOR = "fluxbase/row/audit-floor/v1";

/** Revisions that records are to cover. */
export interface Span {
  readonly stream: Place;
  /** The last revision that is covered already. */
  readonly after: number;
  /** The last revision to cover. */
  readonly to: number;
}

/**
 * Makes the records of a change of a head.
 *
 * @param entries One for each revision, or a single one that covers them all.
 * @throws {TypeError} When there are other numbers of them.
 */
export function recordsOf(
  ring: KeyRing,
  { stream, after, to }: Span,
  entries: readonly AuditEntry[],
): AuditRecord[] {
  const [only] = entries;
  if (only !== undefined && entries.length === 1) {
    const count = only.count ?? to - after;
    return [signRecord(ring, recordOf({ ...only, count }, stream, after + 1, to))];
  }
  if (entries.length !== to - after) {
    throw new TypeError(`${to - after} revisions can't be covered by ${entries.length} records`);
  }
  return entries.map((entry, i) => {
    const revision = after + 1 + i;
    return signRecord(ring, recordOf(entry, stream, revision, revision));
  });
}

/** Authenticates a record. */
export function signRecord(ring: KeyRing, record: UnsignedAuditRecord): AuditRecord {
  return { ...record, mac: ring.mac("row", recordMessage(record)) };
}

/** Tells whether a record is as it was written. */
export function isIntact(ring: KeyRing, record: AuditRecord): boolean {
  return isAuthentic(ring, () => recordMessage(record), record.mac);
}

/** Authenticates from where on records are kept. */
export function signFloor(ring: KeyRing, stream: Place, revision: number): AuditFloor {
  return { stream, revision, mac: ring.mac("row", canonical(FLOOR, [stream, revision])) };
}

/** Tells whether a floor is as it was written. */
export function isFloor(ring: KeyRing, { stream, revision, mac }: AuditFloor): boolean {
  return isAuthentic(ring, () => canonical(FLOOR, [stream, revision]), mac);
}

/**
 * Makes sure that records cover what they must, whoever made them.
 *
 * @throws {TypeError} When they don't: that is a defect of the caller.
 */
export function assertCovers({ stream, after, to }: Span, records: readonly AuditRecord[]): void {
  let next = after + 1;
  for (const record of records) {
    if (record.stream !== stream || record.firstRevision !== next) throw uncovered(stream);
    next = record.lastRevision + 1;
  }
  if (next !== to + 1) throw uncovered(stream);
}

function uncovered(stream: Place): TypeError {
  return new TypeError(`A change of the head of ${stream ?? "the global scope"} leaves no record`);
}

function recordOf(
  entry: AuditEntry,
  stream: Place,
  firstRevision: number,
  lastRevision: number,
): UnsignedAuditRecord {
  const { actor, detail } = entry;
  return {
    stream,
    firstRevision,
    lastRevision,
    at: entry.at ?? new Date(),
    action: entry.action,
    outcome: entry.outcome ?? "done",
    principal: actor.id,
    principalKind: actor.kind,
    address: actor.address,
    requestId: actor.requestId,
    executionId: entry.executionId ?? null,
    namespace: entry.namespace ?? null,
    name: entry.name ?? null,
    version: entry.version ?? null,
    count: entry.count ?? 1,
    detail: detail === undefined ? null : detailText(detail),
  };
}

/** The same facts are the same text, whatever order they were given in. */
function detailText(detail: NonNullable<AuditEntry["detail"]>): string {
  const entries = Object.entries(detail).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify(Object.fromEntries(entries));
}

function recordMessage(record: UnsignedAuditRecord): Uint8Array {
  return canonical(RECORD, [
    record.stream,
    record.firstRevision,
    record.lastRevision,
    record.at,
    record.action,
    record.outcome,
    record.principal,
    record.principalKind,
    record.address,
    record.requestId,
    record.executionId,
    record.namespace,
    record.name,
    record.version,
    record.count,
    record.detail,
  ]);
}
