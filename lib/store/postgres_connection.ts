/**
 * One connection to a PostgreSQL server, for one life.
 *
 * postgres.js would reconnect, pipeline and pool by itself; measured under restarts it then loses
 * track of queries sent between a socket's error and its close, and their promises never settle.
 * So each client of it is held to one connection and one statement at a time, and is thrown away
 * with its first failure of transport. The pool above makes a new one.
 *
 * @module
 */
import type { Socket } from "node:net";
import postgres from "postgres";
import { AppError } from "../errors.ts";
import { makeClient } from "./postgres_client.ts";
import { openSocket } from "./postgres_socket.ts";
import { TlsError } from "./postgres_tls.ts";
import type { Target } from "./postgres_url.ts";
import { encodeValue } from "./postgres_types.ts";
import type { Row, SqlValue } from "./sql.ts";
import { endsConnection, statementFailure, unavailable } from "./sql_error.ts";

/** Options of {@linkcode PostgresConnection.open}. */
export interface ConnectionOptions {
  /** Milliseconds for connecting and logging in. */
  readonly connectMs: number;
  /** Milliseconds after which a statement is given up. */
  readonly deadlineMs: number;
  /** Called for each notification on a channel listened to. */
  readonly onNotify?: (channel: string, payload: string) => void;
}

/** The server gives up a little before the client, so that mostly the connection survives. */
const SERVER_SHARE = 0.9;
/** A transaction left idle holds locks; its server side ends it after this many milliseconds. */
const IDLE_IN_TRANSACTION_MS = 60_000;
const LAST_MESSAGE_S = 1;
/** A script is a migration: it may rewrite a table, and it waits for other migrators. */
const SCRIPT_MS = 600_000;

/** An open connection. */
export class PostgresConnection {
  readonly #client: postgres.Sql;
  readonly #socket: Socket;
  readonly #deadlineMs: number;
  readonly #closed = Promise.withResolvers<void>();
  #abort: ((reason: Error) => void) | null = null;
  #ended: Promise<void> | null = null;
  #dead = false;

  private constructor(socket: Socket, target: Target, options: ConnectionOptions) {
    this.#socket = socket;
    this.#deadlineMs = options.deadlineMs;
    // First among the listeners, so that nothing is sent on a socket known to have failed.
    socket.prependListener("error", (cause) => this.discard(cause));
    socket.prependListener("close", () => {
      this.discard();
      this.#closed.resolve();
    });
    this.#client = makeClient(socket, target, options.onNotify);
  }

  /**
   * Connects, logs in and sets the session up.
   *
   * @throws {AppError} STORE_UNAVAILABLE when that fails or takes too long.
   */
  static async open(target: Target, options: ConnectionOptions): Promise<PostgresConnection> {
    const started = performance.now();
    try {
      return await PostgresConnection.#openOnce(target, options);
    } catch (error) {
      const connectMs = options.connectMs - (performance.now() - started);
      if (connectMs <= 0 || !mayGoPlain(target, error)) throw error;
      return await PostgresConnection.#openOnce(
        { ...target, ssl: "disable" },
        { ...options, connectMs },
      );
    }
  }

  static async #openOnce(target: Target, options: ConnectionOptions): Promise<PostgresConnection> {
    const { connectMs } = options;
    const started = performance.now();
    const socket = await openSocket(target, { timeoutMs: connectMs }).catch((cause) => {
      throw unavailable(unreachable(cause), cause);
    });
    const connection = new PostgresConnection(socket, target, options);
    try {
      const restMs = Math.max(1, connectMs - (performance.now() - started));
      await connection.query(
        `select set_config('statement_timeout', $1, false),
                set_config('idle_in_transaction_session_timeout', $2, false)`,
        [`${connection.#serverMs}ms`, `${IDLE_IN_TRANSACTION_MS}ms`],
        { deadlineMs: restMs },
      );
      return connection;
    } catch (error) {
      connection.discard();
      await connection.close();
      throw error;
    }
  }

  /** Whether the connection is of no more use. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Resolves when the connection has ended, whoever ended it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Runs one statement as a prepared one. */
  query(
    text: string,
    values: readonly SqlValue[],
    { deadlineMs = this.#deadlineMs }: { deadlineMs?: number } = {},
  ): Promise<Row[]> {
    return this.#run(deadlineMs, async () => {
      const query = this.#client.unsafe<Row[]>(
        text,
        values.map(encodeValue) as postgres.ParameterOrJSON<never>[],
        { prepare: true, simple: false } as postgres.UnsafeQueryOptions,
      );
      return [...await query];
    });
  }

  /** Runs one short statement without parameters, such as `begin` or `listen`. */
  async control(text: string): Promise<void> {
    await this.#simple(text, this.#deadlineMs);
  }

  /** Runs several statements in one message, under the long deadline of migrations. */
  async script(text: string): Promise<Row[]> {
    await this.control("set statement_timeout = 0");
    try {
      return await this.#simple(text, SCRIPT_MS);
    } finally {
      // In a failed transaction this fails too, and the rollback restores the setting.
      await this.control(`set statement_timeout = ${this.#serverMs}`).catch(() => {});
    }
  }

  /** Ends the connection now; a running statement is rejected. */
  discard(cause?: unknown): void {
    if (this.#dead) return;
    this.#abort?.(unavailable("The connection to the database was lost", cause));
    this.#end(0);
  }

  /** Says goodbye if it can, and resolves when the connection has ended. */
  async close(): Promise<void> {
    if (!this.#dead) this.#end(LAST_MESSAGE_S);
    await this.#ended;
    await this.closed;
  }

  /** The client ends before its socket, else it would take the socket's end for a reason to call. */
  #end(timeout: number): void {
    this.#dead = true;
    this.#ended = this.#client.end({ timeout }).catch(() => {}).finally(() => {
      this.#socket.destroy();
    });
  }

  #simple(text: string, deadlineMs: number): Promise<Row[]> {
    return this.#run(deadlineMs, async () => {
      // One statement gives its rows, several give a list of such lists.
      const rows = await this.#client.unsafe<(Row | Row[])[]>(text);
      return [...rows].flat() as Row[];
    });
  }

  get #serverMs(): number {
    return Math.floor(this.#deadlineMs * SERVER_SHARE);
  }

  async #run<T>(deadlineMs: number, task: () => Promise<T>): Promise<T> {
    if (this.#dead) throw unavailable("The connection to the database was lost");
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#abort = reject;
    const timer = setTimeout(() => {
      reject(unavailable("The database did not answer in time"));
      this.discard();
    }, deadlineMs);
    task().then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      throw this.#explain(error);
    } finally {
      clearTimeout(timer);
      this.#abort = null;
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof postgres.PostgresError)) {
      if (this.#dead) return error;
      this.discard(error);
      return unavailable("The connection to the database failed", error);
    }
    if (endsConnection(error.code)) this.discard(error);
    const constraint = error.constraint_name ?? null;
    return statementFailure({ sqlstate: error.code, constraint }, error);
  }
}

/** Why there is no connection, with the operating system's code, such as ECONNREFUSED, if there is one. */
function unreachable(cause: unknown): string {
  if (cause instanceof TlsError) return cause.message;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const known = typeof code === "string" && /^E[A-Z]+$/.test(code);
  return `The database cannot be reached${known ? ` (${code})` : ""}`;
}

const NOT_ADMITTED = "28000";

/** Under `prefer`, whether TLS was what the server would not have; a wrong password is not. */
function mayGoPlain({ ssl }: Target, error: unknown): boolean {
  if (ssl !== "prefer" || !(error instanceof AppError)) return false;
  const { cause } = error;
  return cause instanceof TlsError ||
    (cause instanceof postgres.PostgresError && cause.code === NOT_ADMITTED);
}
