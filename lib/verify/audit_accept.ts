/**
 * Taking the records that the audit has now for all that there are, after somebody has looked.
 *
 * @module
 */
import { isFloor, isIntact, signFloor } from "../audit/record.ts";
import { type Head, NO_ROWS, type Place } from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import {
  listFloors,
  listStreams,
  pageOfStream,
  putFloor,
  removeFloor,
  removeRecord,
} from "../store/audit_rows.ts";
import { AUDIT, closeStreams } from "../store/audit_stream.ts";
import { jumpOf, putAcceptedHead } from "../store/head_change.ts";
import { findHead, listHeads } from "../store/heads.ts";
import type { Sql } from "../store/sql.ts";
import { type AuditTools, walkStream } from "./audit_part.ts";
import { type Accepted, type AcceptWith, damagedRows } from "./verification.ts";

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
    const jump = await jumpOf(tx, watch, AUDIT, before);
    for (const [stream, head] of heads) {
      const from = stream === AUDIT ? jump.after : head.revision;
      if (await isBroken(tools, stream, head)) {
        await putFloor(tx, signFloor(ring, stream, from + 1));
      }
    }
    if (before === undefined) await putFloor(tx, signFloor(ring, AUDIT, jump.after + 1));
    await closeStreams(tx, ring);
    const head = await putAcceptedHead(tx, ring, jump, { rows: NO_ROWS, actor, result });
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
