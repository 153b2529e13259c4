/**
 * The part of the walk that looks at the audit: every record as it was written, and none missing.
 *
 * @module
 */
import { type AuditRecord, isFloor, isIntact } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { describePlace, type Head, type Place } from "../resolve/head.ts";
import { findFloor, listFloors, listStreams, pageOfStream } from "../store/audit_rows.ts";
import { findHead, listHeads } from "../store/heads.ts";
import type { Sql } from "../store/sql.ts";
import type { Finding, VerifyPart } from "./part.ts";

/** With what the audit is verified. */
export interface AuditTools {
  readonly sql: Sql;
  readonly ring: KeyRing;
}

const PAGE = 500;
/** Problems of one stream that are told one by one. */
const MOST = 100;

/** Makes the part of `app.audit` and its floors. */
export function auditPart(tools: AuditTools): VerifyPart {
  return {
    name: "audit",
    tables: ["app.audit", "app.audit_floors"],
    async *walk(): AsyncGenerator<Finding> {
      const floors = await listFloors(tools.sql);
      yield { checked: floors.length };
      for (const floor of floors) {
        if (!isFloor(tools.ring, floor)) {
          yield { problem: `Floor of ${streamName(floor.stream)} is not as it was written` };
        }
      }
      const heads = new Map((await listHeads(tools.sql)).map((head) => [head.place, head]));
      const streams = new Set([...heads.keys(), ...await listStreams(tools.sql)]);
      for (const stream of streams) yield* walkStream(tools, stream, heads.get(stream));
    },
  };
}

/** Walks through a stream that others go on writing. */
export async function* walkStream(
  tools: AuditTools,
  stream: Place,
  head: Head | undefined,
): AsyncGenerator<Finding> {
  const { sql } = tools;
  const chain = new Chain(tools, stream, (await findFloor(sql, stream))?.revision ?? 1);
  for (let from = 0;;) {
    const page = await pageOfStream(sql, stream, from, PAGE);
    for (const record of page) {
      for (const problem of await chain.add(record)) yield { problem };
    }
    yield { checked: page.length };
    if (page.length < PAGE) break;
    from = page.at(-1)!.firstRevision + 1;
  }
  for (const problem of await chain.end(head)) yield { problem };
}

/** What is covered so far. */
class Chain {
  readonly #tools: AuditTools;
  readonly #stream: Place;
  readonly #floor: number;
  /** The next revision that must be covered. */
  #next: number;
  #told = 0;

  constructor(tools: AuditTools, stream: Place, floor: number) {
    this.#tools = tools;
    this.#stream = stream;
    this.#floor = floor;
    this.#next = floor;
  }

  async add(record: AuditRecord): Promise<string[]> {
    const problems: string[] = [];
    const { firstRevision: first, lastRevision: last } = record;
    if (!isIntact(this.#tools.ring, record)) {
      problems.push(`Record ${first} of ${this.#name} is not as it was written`);
    }
    // What is below the floor is on its way out, or was kept when somebody accepted.
    if (last >= this.#next || first >= this.#next) {
      if (first > this.#next) await this.#raise();
      if (first > this.#next) problems.push(this.#missing(first - 1));
      if (first < this.#next) problems.push(`Records of ${this.#name} overlap at ${first}`);
      this.#next = Math.max(this.#next, last + 1);
    }
    return this.#limited(problems);
  }

  async end(head: Head | undefined): Promise<string[]> {
    const last = this.#next - 1;
    if (head === undefined) {
      return last < this.#floor ? [] : [`There are records of ${this.#name}, which has no head`];
    }
    if (last < head.revision) await this.#raise();
    if (this.#next - 1 < head.revision) return [this.#missing(head.revision)];
    if (last === head.revision) return [];
    const now = await findHead(this.#tools.sql, this.#stream);
    if (now !== undefined && last <= now.revision) return [];
    return [`Records of ${this.#name} go beyond its head: the head is an old copy`];
  }

  /** The floor may have gone up since it was read. */
  async #raise(): Promise<void> {
    const floor = await findFloor(this.#tools.sql, this.#stream);
    this.#next = Math.max(this.#next, floor?.revision ?? 1);
  }

  #missing(to: number): string {
    const from = this.#next;
    const which = from === to ? `Record ${from}` : `Records ${from} to ${to}`;
    return `${which} of ${this.#name} ${from === to ? "is" : "are"} missing`;
  }

  /** A stream that was overwritten whole has no end of problems. */
  #limited(problems: readonly string[]): string[] {
    const shown = problems.slice(0, Math.max(0, MOST - this.#told));
    this.#told += problems.length;
    const cut = this.#told > MOST && this.#told - problems.length <= MOST;
    return cut ? [...shown, `There is more that is wrong with records of ${this.#name}`] : shown;
  }

  get #name(): string {
    return streamName(this.#stream);
  }
}

function streamName(stream: Place): string {
  return describePlace(stream);
}
