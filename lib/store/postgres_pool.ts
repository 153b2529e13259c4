/**
 * At most so many connections, each lent to one statement or transaction at a time.
 *
 * @module
 */
import type { PostgresConnection } from "./postgres_connection.ts";
import { unavailable } from "./sql_error.ts";
import { WaitingLine } from "./waiting_line.ts";

/** Options of a {@linkcode PostgresPool}. */
export interface PoolOptions {
  /** The most connections open at once. */
  readonly max: number;
  /** Milliseconds that a borrower may wait. */
  readonly waitMs: number;
  /** Opens a connection. */
  readonly open: () => Promise<PostgresConnection>;
}

/** A pool of connections. Those that break leave it, and new ones are opened when asked for. */
export class PostgresPool {
  readonly #options: PoolOptions;
  /** All that are open. They come and go seldom, other than those that are lent. */
  readonly #open = new Set<PostgresConnection>();
  /** The one that was used longest ago is used next, so that none is left alone for long. */
  readonly #idle: PostgresConnection[] = [];
  readonly #waiting: WaitingLine<PostgresConnection>;
  #lent = 0;
  #opening = 0;
  #drained: PromiseWithResolvers<void> | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#waiting = new WaitingLine(options.waitMs);
  }

  /**
   * Lends a connection to `task`.
   *
   * @throws {AppError} STORE_UNAVAILABLE when none can be had in time.
   */
  async use<T>(task: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = this.#take() ?? await this.#wait();
    try {
      return await task(connection);
    } finally {
      this.#giveBack(connection);
    }
  }

  /** Refuses new borrowers, waits `graceMs` milliseconds for those at work, and ends all. */
  async close(graceMs: number): Promise<void> {
    this.#drained ??= Promise.withResolvers();
    this.#waiting.refuseAll(unavailable("The database is closed"));
    this.#settle();
    const timer = setTimeout(() => this.#drained?.resolve(), graceMs);
    await this.#drained.promise;
    clearTimeout(timer);
    const idle = new Set(this.#idle.splice(0));
    const all = [...this.#open];
    for (const connection of all) if (!idle.has(connection)) connection.discard();
    await Promise.all(all.map((connection) => connection.close()));
  }

  #take(): PostgresConnection | null {
    if (this.#drained !== null) throw unavailable("The database is closed");
    while (this.#idle.length > 0) {
      const connection = this.#idle.shift()!;
      if (connection.dead) continue;
      this.#lent++;
      return connection;
    }
    return null;
  }

  #wait(): Promise<PostgresConnection> {
    const turn = this.#waiting.join();
    this.#grow();
    return turn;
  }

  /** Opens a connection if the limit and the number of those waiting ask for it. */
  #grow(): void {
    const size = this.#idle.length + this.#lent + this.#opening;
    if (size >= this.#options.max || this.#opening >= this.#waiting.length) return;
    this.#opening += 1;
    this.#options.open().then(
      (connection) => {
        this.#opening -= 1;
        this.#watch(connection);
        this.#offer(connection);
      },
      (reason) => {
        this.#opening -= 1;
        // With no connection left that could serve them, nobody is made to wait for a deadline.
        if (this.#lent + this.#idle.length === 0) this.#waiting.refuseAll(reason);
      },
    ).finally(() => this.#settle());
  }

  #watch(connection: PostgresConnection): void {
    this.#open.add(connection);
    connection.closed.then(() => {
      this.#open.delete(connection);
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    });
  }

  #giveBack(connection: PostgresConnection): void {
    this.#lent--;
    if (connection.dead) this.#grow();
    else this.#offer(connection);
    this.#settle();
  }

  #offer(connection: PostgresConnection): void {
    if (this.#drained !== null) connection.discard();
    else if (this.#waiting.admit(connection)) this.#lent++;
    else this.#idle.push(connection);
  }

  #settle(): void {
    if (this.#lent + this.#opening === 0) this.#drained?.resolve();
  }
}
