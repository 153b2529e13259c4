/**
 * Taking the records that the audit has now for all that there are, after somebody has looked.
 *
 * @module
 */
import { isFloor, isIntact, recordsOf, signFloor } from "../audit/record.ts";
import { type Head, makeHead, NO_ROWS, type Place, signPlace } from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import {
  lastRecorded,
  listFloors,
  listStreams,
  pageOfStream,
  putFloor,
  removeFloor,
  removeRecord,
} from "../store/audit_rows.ts";
import { AUDIT, closeStreams } from "../store/audit_stream.ts";
import { findHead, listHeads, putHead } from "../store/heads.ts";
import type { Sql } from "../store/sql.ts";
import { type AuditTools, walkStream } from "./audit_part.ts";
import { type Accepted, type AcceptWith, damagedRows } from "./verification.ts";

/** How far the revision goes on, so that no server takes the new head for an old one. */
const FORWARD = 1_000_000;
const PAGE = 500;

/**
 * Where records of a head are missing, they are kept from its present revision on. Records from
 * before stay and are shown; those that are not as they were written are damaged.
 *
 * @throws {AppError} INTEGRITY_VIOLATION when something is damaged and not to be discarded.
 */
export async function acceptAudit(
  { sql, ring, watch }: AuditTools & { readonly watch: HeadWatch },
  { discard, actor }: AcceptWith,
): Promise<Accepted> {
  const { head, result } = await sql.transaction(async (tx) => {
    const before = await findHead(tx, AUDIT, { forUpdate: true });
    const tools = { sql: tx, ring };
    const heads = new Map((await listHeads(tx)).map((head) => [head.place, head]));
    const result = await sift(tools);
    if (result.discarded > 0 && !discard) throw damagedRows(result.discarded);
    const last = Math.max(before?.revision ?? 0, await lastRecorded(tx, AUDIT));
    const to = Math.max(last, watch.revision(AUDIT)) + FORWARD;
    for (const [stream, head] of heads) {
      const from = stream === AUDIT ? last : head.revision;
      if (await isBroken(tools, stream, head)) {
        await putFloor(tx, signFloor(ring, stream, from + 1));
      }
    }
    if (before === undefined) await putFloor(tx, signFloor(ring, AUDIT, last + 1));
    await closeStreams(tx, ring);
    const head = makeHead(ring, AUDIT, to, NO_ROWS);
    const entry = {
      action: "place.accept",
      actor,
      namespace: AUDIT,
      count: 1,
      detail: { ...result },
    };
    const records = recordsOf(ring, { stream: AUDIT, after: last, to }, [entry]);
    await putHead(tx, head, signPlace(ring, AUDIT), records);
    return { head, result };
  });
  watch.forget(AUDIT);
  watch.note(head);
  return result;
}

/** Removes what is not as it was written. */
async function sift({ sql, ring }: AuditTools): Promise<Accepted> {
  const counts = { accepted: 0, discarded: 0 };
  for (const floor of await listFloors(sql)) {
    if (isFloor(ring, floor)) continue;
    counts.discarded++;
    await removeFloor(sql, floor.stream);
  }
  for (const stream of await listStreams(sql)) {
    for await (const record of recordsOfStream(sql, stream)) {
      if (isIntact(ring, record)) counts.accepted++;
      else {
        counts.discarded++;
        await removeRecord(sql, record);
      }
    }
  }
  return counts;
}

async function* recordsOfStream(sql: Sql, stream: Place) {
  for (let from = 0;;) {
    const page = await pageOfStream(sql, stream, from, PAGE);
    yield* page;
    if (page.length < PAGE) return;
    from = page.at(-1)!.firstRevision + 1;
  }
}

async function isBroken(tools: AuditTools, stream: Place, head: Head): Promise<boolean> {
  for await (const finding of walkStream(tools, stream, head)) {
    if ("problem" in finding) return true;
  }
  return false;
}
