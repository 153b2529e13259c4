/**
 * Tables whose rows are kept as an authenticated set, so that one that is missing, or was put back
 * from an old copy, is noticed: for rows that are few, are read one at a time, and decide who may do
 * what.
 *
 * @module
 */
import type { AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import {
  checkAllRows,
  describePlace,
  type Head,
  missingHead,
  moveRows,
  openHead,
  type RowMove,
  type SetName,
} from "../resolve/head.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { nextHead } from "./head_change.ts";
import { findHead, head, type RawHead, updateHead } from "./heads.ts";
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
   *
   * @throws {AppError} INTEGRITY_VIOLATION when the set's head isn't as it was written, or is gone.
   */
  transact<T>(sql: Sql, work: (tx: Sql, change: ChangeSet) => Promise<T>): Promise<T> {
    const { ring } = this.#tools;
    return sql.transaction(async (tx) => {
      let current = await this.#lock(tx);
      return await work(tx, async (moves, told) => {
        if (moves.length === 0) return;
        const entries = "actor" in told ? [told] : told;
        const rows = moveRows(ring, openHead(ring, current), moves);
        const next = nextHead(ring, current, rows, entries);
        if (!await updateHead(tx, next)) throw missingHead(current.place);
        current = next.after;
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
   * Looks at every row's place in the set anew.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a row is missing or too many.
   */
  async verify(sql: Sql): Promise<void> {
    this.#held = undefined;
    await this.#macs(sql);
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
      `select h.*, ${memberColumns(this.spec)} from functions.heads h left join ${table} t on true
       where h.namespace = $1`,
      [name],
    );
    if (rows[0] === undefined) throw missingHead(name);
    const snapshot = head(rows[0]);
    const members = rows.filter((row) => row.row_mac !== null).map(memberOf);
    checkAllRows(this.#tools.ring, snapshot, members);
    check(name, snapshot);
    this.#held = {
      headMac: snapshot.mac.toHex(),
      macs: new Set(members.map(({ mac }) => mac.toHex())),
    };
    return this.#held.macs;
  }
}

/** The columns by which a row, called `t`, is in its set. */
export function memberColumns({ keepsDeleted = false }: RowSetSpec): string {
  return `t.mac as row_mac, ${
    keepsDeleted ? "t.deleted_at" : "null::timestamptz"
  } as row_deleted_at`;
}

/** What {@linkcode memberColumns} select. */
export interface RawMember extends Row {
  row_mac: Uint8Array | null;
  row_deleted_at: Date | null;
}

/** Reads what a row is in its set by. */
export function memberOf(
  { row_mac, row_deleted_at }: RawMember,
): { mac: Uint8Array; deletedAt: Date | null } {
  return { mac: row_mac!, deletedAt: row_deleted_at };
}

function notInSet(name: SetName): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `A row of ${describePlace(name)} was put back from an old copy`,
  );
}
