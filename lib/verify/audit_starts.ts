/**
 * Where the streams of the audit begin: what was before is not kept, and so isn't verified.
 *
 * @module
 */
import { isFloor } from "../audit/record.ts";
import type { Place } from "../resolve/head.ts";
import { listFloors, pageOfStream } from "../store/audit_rows.ts";
import { listHeads } from "../store/heads.ts";
import type { AuditTools } from "./audit_part.ts";

/** Where a stream begins. */
export interface StreamStart {
  readonly stream: Place;
  /** The first revision that a record must cover; 1 where none was ever left out. */
  readonly revision: number;
  /** When the first record that is kept was made; `null` where there is none yet. */
  readonly at: Date | null;
}

/**
 * Tells of every stream that is written to, by name and the global one first. One whose start is not
 * as it was written is left out, since nothing tells where it begins; that is a problem of its own.
 */
export async function streamStarts({ sql, ring }: AuditTools): Promise<StreamStart[]> {
  const floors = new Map((await listFloors(sql)).map((floor) => [floor.stream, floor]));
  const starts: StreamStart[] = [];
  for (const { place: stream } of await listHeads(sql)) {
    const floor = floors.get(stream);
    if (floor !== undefined && !isFloor(ring, floor)) continue;
    const revision = floor?.revision ?? 1;
    const [first] = await pageOfStream(sql, stream, revision, 1);
    starts.push({ stream, revision, at: first?.at ?? null });
  }
  return starts.toSorted((a, b) => (a.stream ?? "") < (b.stream ?? "") ? -1 : 1);
}
