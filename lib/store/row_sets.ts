/**
 * Tables whose rows are kept as an authenticated set, so that one that is missing, or was put back
 * from an old copy, is noticed: for rows that are few, are read one at a time, and decide who may do
 * what.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import type { Actor, AuditEntry } from "../audit/entry.ts";
import { recordsOf } from "../audit/record.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import {
  checkPlaces,
  checkRows,
  describePlace,
  type Head,
  makeHead,
  missingHead,
  moveRows,
  NAMESPACES,
  NO_ROWS,
  openHead,
  type RowMove,
  type SetName,
  signPlace,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { lastRecorded } from "./audit_rows.ts";
import {
  findHead,
  head,
  insertHead,
  listPlaces,
  putHead,
  type RawHead,
  updateHead,
} from "./heads.ts";
import type { Row, Sql } from "./sql.ts";

/** A set and the table that it is of. */
export interface RowSetSpec {
  readonly name: SetName;
  /** With its schema. Every row is in the set, by its column `mac`. */
  readonly table: string;
  /** Whether rows with a `deleted_at` are kept as history: then they are a set of their own. */
  readonly keepsDeleted?: boolean;
}

/** With what sets are made and checked. */
export interface RowSetTools {
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
}

/**
 * Takes rows in and out of the set that a transaction has locked.
 *
 * @param told What is recorded of it: one thing that happened, or several.
 */
export type ChangeSet = (
  moves: readonly RowMove[],
  told: AuditEntry | readonly AuditEntry[],
) => Promise<void>;

/** How often a row is read again that was changed between two looks. */
const ATTEMPTS = 5;
/** How far a revision goes on, so that no server takes the new head for an old one. */
const FORWARD = 1_000_000;

/** One table's set. */
export class RowSetStore {
  readonly spec: RowSetSpec;
  readonly #tools: RowSetTools;
  /** The MACs of the rows that the head has, in hex. */
  #held: { readonly headMac: string; readonly macs: ReadonlySet<string> } | undefined;

  /** Reads nothing yet. */
  constructor(spec: RowSetSpec, tools: RowSetTools) {
    this.spec = spec;
    this.#tools = tools;
  }

  /**
   * Runs `work` in a transaction in which nobody else changes the set; whatever it changes in the
   * table it must tell.
   */
  transact<T>(sql: Sql, work: (tx: Sql, change: ChangeSet) => Promise<T>): Promise<T> {
    const { ring } = this.#tools;
    return sql.transaction(async (tx) => {
      let current = await this.#lock(tx);
      return await work(tx, async (moves, told) => {
        if (moves.length === 0) return;
        const entries = "actor" in told ? [told] : told;
        const { place: stream, revision } = current;
        const rows = moveRows(ring, openHead(ring, current), moves);
        const after = makeHead(ring, stream, revision + entries.length, rows);
        const records = recordsOf(ring, { stream, after: revision, to: after.revision }, entries);
        if (!await updateHead(tx, { before: current, after, records })) throw missingHead(stream);
        current = after;
      });
    });
  }

  /**
   * Reads a row that must be in the set.
   *
   * @param read Reads the row, and checks its own MAC.
   * @returns `undefined` when there is none.
   * @throws {AppError} INTEGRITY_VIOLATION when the row was put back from an old copy.
   */
  async read<T extends { readonly mac: Uint8Array }>(
    sql: Sql,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const row = await read();
      if (row === undefined || (await this.#macs(sql)).has(row.mac.toHex())) return row;
    }
    throw notInSet(this.spec.name);
  }

  /**
   * Reads rows that must be in the set, once it is sure that the table has all that it should.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a row is missing or was put back from an old copy.
   */
  async readAll<T extends { readonly mac: Uint8Array }>(
    sql: Sql,
    read: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const rows = await read();
      this.#held = undefined;
      const macs = await this.#macs(sql);
      // A row that was changed between the two looks is read again.
      if (rows.every(({ mac }) => macs.has(mac.toHex()))) return rows;
    }
    throw notInSet(this.spec.name);
  }

  /**
   * Makes the set of the rows that are there, once in the life of a database. A set that was made
   * and is gone stays so: whatever reads from it is refused.
   */
  async ensure(sql: Sql): Promise<void> {
    const { name, table } = this.spec;
    const { ring } = this.#tools;
    if (await findHead(sql, name) !== undefined) return;
    await sql.transaction(async (tx) => {
      const before = await findHead(tx, NAMESPACES, { forUpdate: true });
      const { places } = await listPlaces(tx);
      const wasMade = places.some(({ namespace }) => namespace === name);
      if (wasMade || !isWhole(ring, before, places)) return;
      const rows = await tx.query<RawMember>(`select ${this.#columns("t")} from ${table} t`);
      // A row by a key of another ring is no row of ours; it is told of, and can be discarded.
      const own = rows.filter(({ row_mac: mac }) => ring.knows(keyIdOf(mac!)));
      const moves = own.map((row) => ({ after: member(row) }));
      const placeMac = signPlace(ring, name);
      await insertHead(tx, makeHead(ring, name, 0, moveRows(ring, NO_ROWS, moves)), placeMac, []);
      const list = moveRows(ring, openHead(ring, before!), [{ after: { mac: placeMac } }]);
      const { revision } = before!;
      const after = makeHead(ring, NAMESPACES, revision + 1, list);
      const span = { stream: NAMESPACES, after: revision, to: after.revision } as const;
      const entry = { action: "place.create", actor: SYSTEM, namespace: name };
      const records = recordsOf(ring, span, [entry]);
      await updateHead(tx, { before: before!, after, records });
    });
  }

  /**
   * Looks at every row's place in the set anew.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a row is missing or too many.
   */
  async verify(sql: Sql): Promise<void> {
    this.#held = undefined;
    await this.#macs(sql);
  }

  /**
   * Makes a new head for the rows that are there, whatever it was.
   *
   * @param isSound Tells whether a row is as it was written.
   * @param options.discard Whether rows that aren't are removed.
   * @param options.actor Who accepts.
   * @returns How many rows there are, and how many were not sound; when those are not to be
   * discarded, nothing was changed.
   */
  async accept(
    sql: Sql,
    isSound: (row: Row) => boolean,
    { discard, actor }: { readonly discard: boolean; readonly actor: Actor },
  ): Promise<{ accepted: number; discarded: number }> {
    const { name, table } = this.spec;
    const { ring, watch } = this.#tools;
    const { head: made, result } = await sql.transaction(async (tx) => {
      const before = await findHead(tx, name, { forUpdate: true });
      const rows = await tx.query<RawMember>(`select *, ${this.#columns("t")} from ${table} t`);
      const sound = rows.filter(isSound);
      const result = { accepted: sound.length, discarded: rows.length - sound.length };
      if (result.discarded > 0 && !discard) return { result };
      for (const row of rows) {
        if (sound.includes(row)) continue;
        await tx.query(`delete from ${table} where mac = $1`, [row.row_mac!]);
      }
      const last = Math.max(before?.revision ?? 0, await lastRecorded(tx, name));
      const revision = Math.max(last, watch.revision(name)) + FORWARD;
      const moves = sound.map((row) => ({ after: member(row) }));
      const head = makeHead(ring, name, revision, moveRows(ring, NO_ROWS, moves));
      const entry = {
        action: "place.accept",
        actor,
        namespace: name,
        count: 1,
        detail: { ...result },
      };
      const records = recordsOf(ring, { stream: name, after: last, to: revision }, [entry]);
      await putHead(tx, head, signPlace(ring, name), records);
      return { head, result };
    });
    if (made === undefined) return result;
    watch.forget(name);
    watch.note(made);
    return result;
  }

  #columns(alias: string): string {
    const deleted = this.spec.keepsDeleted === true ? `${alias}.deleted_at` : "null::timestamptz";
    return `${alias}.mac as row_mac, ${deleted} as row_deleted_at`;
  }

  async #lock(tx: Sql): Promise<Head> {
    const { name } = this.spec;
    const check = this.#tools.watch.begin([name]);
    const found = await findHead(tx, name, { forUpdate: true });
    if (found === undefined) throw missingHead(name);
    openHead(this.#tools.ring, found);
    check(name, found);
    return found;
  }

  async #macs(sql: Sql): Promise<ReadonlySet<string>> {
    const { name, table } = this.spec;
    const check = this.#tools.watch.begin([name]);
    const current = await findHead(sql, name);
    if (current === undefined) throw missingHead(name);
    openHead(this.#tools.ring, current);
    check(name, current);
    if (this.#held?.headMac === current.mac.toHex()) return this.#held.macs;
    const rows = await sql.query<RawHead & RawMember>(
      `select h.*, ${this.#columns("t")} from functions.heads h left join ${table} t on true
       where h.namespace = $1`,
      [name],
    );
    if (rows[0] === undefined) throw missingHead(name);
    const snapshot = head(rows[0]);
    const members = rows.filter((row) => row.row_mac !== null).map(member);
    for (const kind of ["live", "deleted"] as const) {
      const own = members.filter(({ deletedAt }) => (deletedAt === null) === (kind === "live"));
      checkRows(this.#tools.ring, snapshot, own, kind);
    }
    check(name, snapshot);
    this.#held = {
      headMac: snapshot.mac.toHex(),
      macs: new Set(members.map(({ mac }) => mac.toHex())),
    };
    return this.#held.macs;
  }
}

/** What a row is in a set by. */
interface RawMember extends Row {
  row_mac: Uint8Array | null;
  row_deleted_at: Date | null;
}

function member(
  { row_mac, row_deleted_at }: RawMember,
): { mac: Uint8Array; deletedAt: Date | null } {
  return { mac: row_mac!, deletedAt: row_deleted_at };
}

/** A list that isn't whole doesn't tell whether the set was in it. */
function isWhole(
  ring: KeyRing,
  registry: Head | undefined,
  places: Parameters<typeof checkPlaces>[2],
): boolean {
  try {
    checkPlaces(ring, registry, places);
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

function keyIdOf(mac: Uint8Array): string {
  return new Uint8Array(mac.slice(0, 8)).toHex();
}

function notInSet(name: SetName): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `A row of ${describePlace(name)} was put back from an old copy`,
  );
}
