/**
 * At most so many connections, each lent to one statement or transaction at a time.
 *
 * @module
 */
import type { PostgresConnection } from "./postgres_connection.ts";
import { unavailable } from "./sql_error.ts";

/** Options of a {@linkcode PostgresPool}. */
export interface PoolOptions {
  /** The most connections open at once. */
  readonly max: number;
  /** Milliseconds that a borrower may wait. */
  readonly waitMs: number;
  /** Opens a connection. */
  readonly open: () => Promise<PostgresConnection>;
}

interface Waiter {
  readonly give: (connection: PostgresConnection) => void;
  readonly refuse: (reason: unknown) => void;
}

/** A pool of connections. Those that break leave it, and new ones are opened when asked for. */
export class PostgresPool {
  readonly #options: PoolOptions;
  readonly #idle = new Set<PostgresConnection>();
  readonly #lent = new Set<PostgresConnection>();
  readonly #waiting = new Set<Waiter>();
  #opening = 0;
  #drained: PromiseWithResolvers<void> | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
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
    this.#refuseAll(unavailable("The database is closed"));
    this.#settle();
    const timer = setTimeout(() => this.#drained?.resolve(), graceMs);
    await this.#drained.promise;
    clearTimeout(timer);
    for (const connection of this.#lent) connection.discard();
    const all = [...this.#idle, ...this.#lent];
    this.#idle.clear();
    await Promise.all(all.map((connection) => connection.close()));
  }

  #take(): PostgresConnection | null {
    if (this.#drained !== null) throw unavailable("The database is closed");
    for (const connection of this.#idle) {
      this.#idle.delete(connection);
      if (connection.dead) continue;
      this.#lent.add(connection);
      return connection;
    }
    return null;
  }

  #wait(): Promise<PostgresConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<PostgresConnection>();
    const waiter = { give: resolve, refuse: reject };
    // In line before the timer is set, as in a lane.
    this.#waiting.add(waiter);
    const timer = setTimeout(() => {
      this.#waiting.delete(waiter);
      reject(unavailable("The database was busy with other work for too long"));
    }, this.#options.waitMs);
    this.#grow();
    return promise.finally(() => clearTimeout(timer));
  }

  /** Opens a connection if the limit and the number of those waiting ask for it. */
  #grow(): void {
    const size = this.#idle.size + this.#lent.size + this.#opening;
    if (size >= this.#options.max || this.#opening >= this.#waiting.size) return;
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
        if (this.#lent.size + this.#idle.size === 0) this.#refuseAll(reason);
      },
    ).finally(() => this.#settle());
  }

  #watch(connection: PostgresConnection): void {
    connection.closed.then(() => this.#idle.delete(connection));
  }

  #giveBack(connection: PostgresConnection): void {
    this.#lent.delete(connection);
    if (connection.dead) this.#grow();
    else this.#offer(connection);
    this.#settle();
  }

  #offer(connection: PostgresConnection): void {
    const [first] = this.#waiting;
    if (this.#drained !== null) {
      connection.discard();
      return;
    }
    if (first === undefined) {
      this.#idle.add(connection);
      return;
    }
    this.#waiting.delete(first);
    this.#lent.add(connection);
    first.give(connection);
  }

  #refuseAll(reason: unknown): void {
    for (const waiter of this.#waiting) waiter.refuse(reason);
    this.#waiting.clear();
  }

  #settle(): void {
    if (this.#lent.size + this.#opening === 0) this.#drained?.resolve();
  }
}
