/**
 * The port to a PostgreSQL database: what the stores ask of a driver, and no more.
 *
 * @module
 */

/**
 * What may be bound to a parameter. JSON goes as text with an explicit `::jsonb`; a list of
 * strings goes as one array parameter, as in `name = any($1::text[])`.
 */
export type SqlValue = string | number | boolean | Date | Uint8Array | readonly string[] | null;

/**
 * A row: `bytea` is `Uint8Array`, `timestamptz` is `Date`, `jsonb` is parsed, `int8` is a safe
 * `number` (beyond that its digits as text), `numeric` is text. Read arrays through `to_jsonb`.
 */
export type Row = Record<string, unknown>;

/**
 * Runs SQL on a pool, or inside one transaction; store functions take either.
 *
 * Every value becomes a bound parameter; there is no way to splice text.
 */
export interface Sql {
  /** Runs one statement and returns its rows. */
  <T extends Row = Row>(strings: TemplateStringsArray, ...values: SqlValue[]): Promise<T[]>;
  /** Runs one statement given as text with `$1 …` and returns its rows. */
  query<T extends Row = Row>(text: string, values?: readonly SqlValue[]): Promise<T[]>;
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws or
   * when a statement of it failed, even if `work` caught that. Inside a transaction this opens a
   * savepoint; until that ends, statements on the outer handle wait.
   *
   * Use the handle given to `work` inside it. On the outer handle a statement waits for another
   * connection, or, where there is one only, for this very transaction, until its deadline.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /**
   * Runs a script of several statements without parameters and returns the rows of them all, in
   * order. A script that opens a transaction and fails leaves none open. For migrations and for
   * libraries that bring their own SQL.
   */
  script<T extends Row = Row>(text: string): Promise<T[]>;
}

/** A listener's hold on a channel. */
export interface Subscription {
  close(): Promise<void>;
}

/**
 * An open database.
 *
 * Every statement settles by the database's deadline. What the database cannot do now rejects
 * with an `AppError` STORE_UNAVAILABLE; whether a write took place is then unknown, and nothing is
 * retried here. What the statement itself did wrong rejects with a `StatementError`.
 */
export interface Database {
  readonly kind: "postgres" | "embedded";
  readonly sql: Sql;
  /**
   * Calls `onPayload` for each notification on `channel`, and `onGap` each time that
   * notifications may have been missed (after every (re)connection).
   */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onGap: () => void,
  ): Promise<Subscription>;
  /** Ends all connections. Running statements are given `graceMs` milliseconds. */
  close(graceMs?: number): Promise<void>;
}
