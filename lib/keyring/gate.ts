/**
 * The gate between store and ring: rows made with a key that this process doesn't know yet wait
 * until it does.
 *
 * Keys are looked up where rows are checked, without waiting. So whoever reads through here never
 * meets a key that another server has made meanwhile, and no room can forget to look.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { RETIRED_KEY } from "../store/data_keys.ts";
import type { Database, Row, Sql } from "../store/sql.ts";
import { StatementError } from "../store/sql_error.ts";
import { makeSql } from "../store/tagged.ts";
import { visitKeyIds } from "./key_ids.ts";
import type { RingKeeper } from "./ring_keeper.ts";

/** A key that isn't there when it is looked for is taken for one of no ring for this long, ms. */
const PATIENCE_MS = 1_000;
/** How many of those are remembered. */
const MAX_UNKNOWN = 1_000;

type Keeper = Pick<RingKeeper, "ring" | "reload" | "noteUnknown">;

/** The same database, read through the gate. */
export function gateDatabase(database: Database, keeper: Keeper): Database {
  return {
    kind: database.kind,
    sql: gateSql(database.sql, new Gate(keeper)),
    listen: (channel, onPayload, onGap) => database.listen(channel, onPayload, onGap),
    close: (graceMs) => database.close(graceMs),
  };
}

function gateSql(inner: Sql, gate: Gate, transaction?: Sql): Sql {
  return makeSql({
    query: (text, values) => gate.pass(() => inner.query(text, values), transaction),
    script: (text) => gate.pass(() => inner.script(text), transaction),
    transaction: (work) => inner.transaction((tx) => work(gateSql(tx, gate, tx))),
  });
}

class Gate {
  readonly #keeper: Keeper;
  /** Ids that the stored ring doesn't have, and until when that is believed. */
  readonly #unknown = new Map<string, number>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Lets rows through once their keys are known, or known to be of no ring. */
  async pass(read: () => Promise<Row[]>, transaction: Sql | undefined): Promise<Row[]> {
    let rows: Row[];
    try {
      rows = await read();
    } catch (error) {
      throw this.#explain(error);
    }
    const unknown = this.#unknownIds(rows);
    if (unknown !== undefined) {
      await this.#keeper.reload(transaction);
      for (const id of unknown) this.#note(id);
    }
    return rows;
  }

  #unknownIds(rows: readonly Row[]): Set<string> | undefined {
    let found: Set<string> | undefined;
    const { ring } = this.#keeper;
    visitKeyIds(rows, (id) => {
      if (!ring.knows(id) && !this.#isKnownToBeNone(id)) (found ??= new Set()).add(id);
    });
    return found;
  }

  #isKnownToBeNone(id: string): boolean {
    return (this.#unknown.get(id) ?? 0) > performance.now();
  }

  #note(id: string): void {
    this.#unknown.delete(id);
    if (this.#keeper.ring.knows(id)) return;
    this.#keeper.noteUnknown();
    const [oldest] = this.#unknown.keys();
    if (this.#unknown.size >= MAX_UNKNOWN && oldest !== undefined) this.#unknown.delete(oldest);
    this.#unknown.set(id, performance.now() + PATIENCE_MS);
  }

  /** What was written under a key that was retired meanwhile was not stored. */
  #explain(error: unknown): unknown {
    if (!(error instanceof StatementError) || error.sqlstate !== RETIRED_KEY) return error;
    // Not in the transaction, which has failed.
    void this.#keeper.reload();
    const message = "The key ring was changed meanwhile; nothing was stored";
    return new AppError("STORE_UNAVAILABLE", message, { cause: error });
  }
}
