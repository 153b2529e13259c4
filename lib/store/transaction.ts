/**
 * Transactions and savepoints over one session, the same for every driver.
 *
 * @module
 */
import { Lane } from "./lane.ts";
import type { Row, Sql, SqlValue } from "./sql.ts";
import { makeSql } from "./tagged.ts";

/** One connection to a database, lent to one transaction. */
export interface Session {
  query(text: string, values: readonly SqlValue[]): Promise<Row[]>;
  script(text: string): Promise<Row[]>;
  /** Runs a statement that opens or ends a unit of work. */
  control(text: string): Promise<void>;
  /** Ends the connection: its state is unknown. */
  discard(): void;
}

/** Options of {@linkcode runTransaction}. */
export interface TransactionOptions {
  /** Milliseconds that a statement may wait for those before it in the same transaction. */
  readonly waitMs: number;
}

/** The statements that open, keep and undo a unit of work. */
interface Bounds {
  readonly open: string;
  readonly keep: string;
  readonly undo: string;
}

/** Runs `work` between `begin` and `commit` on `session`, which it must have alone. */
export function runTransaction<T>(
  session: Session,
  work: (sql: Sql) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const bounds = { open: "begin", keep: "commit", undo: "rollback" };
  return new Unit(session, 0, options).run(bounds, work);
}

/** A transaction, or a savepoint within one. */
class Unit {
  readonly #session: Session;
  readonly #depth: number;
  readonly #options: TransactionOptions;
  readonly #lane: Lane;
  #ended = false;
  #failure: { error: unknown } | null = null;

  constructor(session: Session, depth: number, options: TransactionOptions) {
    this.#session = session;
    this.#depth = depth;
    this.#options = options;
    this.#lane = new Lane(options.waitMs);
  }

  async run<T>(bounds: Bounds, work: (sql: Sql) => Promise<T>): Promise<T> {
    await this.#session.control(bounds.open);
    try {
      const result = await work(makeSql(this));
      await this.#keep(bounds);
      return result;
    } catch (error) {
      await this.#undo(bounds);
      throw error;
    } finally {
      this.#ended = true;
    }
  }

  query(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    return this.#enqueue(() => this.#session.query(text, values));
  }

  script(text: string): Promise<Row[]> {
    return this.#enqueue(() => this.#session.script(text));
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const depth = this.#depth + 1;
    const bounds = {
      open: `savepoint s${depth}`,
      keep: `release savepoint s${depth}`,
      undo: `rollback to savepoint s${depth}`,
    };
    // What fails inside a savepoint is undone with it, so it doesn't fail this unit.
    return this.#lane.run(() => {
      this.#assertOpen();
      return new Unit(this.#session, depth, this.#options).run(bounds, work);
    });
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    return this.#lane.run(async () => {
      this.#assertOpen();
      try {
        return await task();
      } catch (error) {
        this.#failure ??= { error };
        throw error;
      }
    });
  }

  /** A failed transaction answers `commit` with a silent rollback, so it must not come to that. */
  #keep(bounds: Bounds): Promise<void> {
    return this.#lane.run(async () => {
      if (this.#failure !== null) throw this.#failure.error;
      await this.#session.control(bounds.keep);
    });
  }

  async #undo(bounds: Bounds): Promise<void> {
    this.#ended = true;
    try {
      await this.#lane.run(() => this.#session.control(bounds.undo));
    } catch {
      // The first error is the one to tell; a session that cannot roll back is of no use.
      this.#session.discard();
    }
  }

  #assertOpen(): void {
    if (this.#ended) throw new Error("Transaction has ended: its handle was used afterwards");
  }
}
