/**
 * Hears notifications over a connection of its own, and comes back after every loss.
 *
 * @module
 */
import type { PostgresConnection } from "./postgres_connection.ts";
import { quoteIdentifier } from "./postgres_types.ts";
import type { Subscription } from "./sql.ts";

/** Options of a {@linkcode PostgresListener}. */
export interface ListenerOptions {
  /** Opens a connection that hands its notifications to `onNotify`. */
  readonly open: (
    onNotify: (channel: string, payload: string) => void,
  ) => Promise<PostgresConnection>;
  /** Milliseconds between two signs of life asked of a silent server. */
  readonly heartbeatMs: number;
}

interface Ear {
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  readonly onGap: () => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** All subscriptions of one database. */
export class PostgresListener {
  readonly #options: ListenerOptions;
  readonly #ears = new Set<Ear>();
  #connection: Promise<PostgresConnection> | null = null;
  /** The connection that is in use, once it is made. */
  #current: PostgresConnection | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Listens on a channel. @throws {AppError} STORE_UNAVAILABLE when the server is not there. */
  async listen(ear: Ear): Promise<Subscription> {
    this.#ears.add(ear);
    try {
      const connection = await (this.#connection ??= this.#connect());
      await connection.control(`listen ${quoteIdentifier(ear.channel)}`);
    } catch (error) {
      this.#ears.delete(ear);
      throw error;
    }
    ear.onGap();
    return { close: () => this.#leave(ear) };
  }

  /** Ends the connection. No callback is called afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ears.clear();
    await this.#disconnect();
  }

  /** Nobody listens: a connection and its heartbeat would be for nothing. */
  async #disconnect(): Promise<void> {
    clearTimeout(this.#timer);
    const connecting = this.#connection;
    // Whoever listens from now on gets a connection of its own.
    this.#connection = null;
    this.#current = null;
    const connection = await connecting?.catch(() => null);
    if (connection === this.#current) {
      this.#current = null;
      clearTimeout(this.#timer);
    }
    await connection?.close();
  }

  async #connect(): Promise<PostgresConnection> {
    try {
      const connection = await this.#options.open((channel, payload) => {
        for (const ear of this.#ears) if (ear.channel === channel) ear.onPayload(payload);
      });
      this.#pauseMs = FIRST_PAUSE_MS;
      connection.closed.then(() => this.#lost(connection));
      this.#current = connection;
      this.#beat(connection);
      return connection;
    } catch (error) {
      this.#connection = null;
      throw error;
    }
  }

  #lost(connection: PostgresConnection): void {
    if (this.#current !== connection) return;
    this.#current = null;
    this.#connection = null;
    clearTimeout(this.#timer);
    if (!this.#closed && this.#ears.size > 0) this.#retryLater();
  }

  #retryLater(): void {
    this.#timer = setTimeout(() => this.#comeBack(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async #comeBack(): Promise<void> {
    try {
      const connection = await (this.#connection ??= this.#connect());
      for (const channel of this.#channels()) {
        await connection.control(`listen ${quoteIdentifier(channel)}`);
      }
      for (const ear of this.#ears) ear.onGap();
    } catch {
      // A connection that was made and lost reports that itself, through closed.
      if (this.#connection === null && !this.#closed) this.#retryLater();
    }
  }

  /** A dead peer behind a silent network is noticed only by asking. */
  #beat(connection: PostgresConnection): void {
    this.#timer = setTimeout(async () => {
      await connection.control("select 1").catch(() => {});
      if (!connection.dead && this.#current === connection) this.#beat(connection);
    }, this.#options.heartbeatMs);
  }

  async #leave(ear: Ear): Promise<void> {
    this.#ears.delete(ear);
    if (this.#ears.size === 0) return await this.#disconnect();
    if (this.#channels().has(ear.channel)) return;
    const connection = await this.#connection?.catch(() => null);
    await connection?.control(`unlisten ${quoteIdentifier(ear.channel)}`).catch(() => {});
  }

  #channels(): Set<string> {
    return new Set([...this.#ears].map((ear) => ear.channel));
  }
}
