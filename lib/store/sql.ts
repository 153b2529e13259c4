/**
 * The port to a PostgreSQL database: what the stores ask of a driver, and no more.
 *
 * @module
 */

/** What may be bound to a parameter. JSON goes as text with an explicit `::jsonb`. */
export type SqlValue = string | number | boolean | Date | Uint8Array | null;

/** A row: `bytea` is `Uint8Array`, `timestamptz` is `Date`, `int8` is a safe `number`. */
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
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws.
   * Inside a transaction this opens a savepoint.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Runs a script of several statements without parameters. For migrations only. */
  script(text: string): Promise<void>;
}

/** A listener's hold on a channel. */
export interface Subscription {
  close(): Promise<void>;
}

/** An open database. */
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
