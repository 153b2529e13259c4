/**
 * The {@linkcode Database} port over a PostgreSQL server (15 or later).
 *
 * Permissions: `--allow-net=HOST:PORT`, `--allow-env=PGAPPNAME`, `--allow-read` of the file that
 * `sslrootcert` names.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { PostgresConnection } from "./postgres_connection.ts";
import { PostgresListener } from "./postgres_listener.ts";
import { PostgresPool } from "./postgres_pool.ts";
import { readRootCert } from "./postgres_root_cert.ts";
import { parsePostgresUrl, type Target } from "./postgres_url.ts";
import type { Database, Row, Sql, SqlValue, Subscription } from "./sql.ts";
import { StatementError } from "./sql_error.ts";
import { makeSql } from "./tagged.ts";
import { runTransaction, type Session } from "./transaction.ts";

/** Options of {@linkcode openPostgres}. */
export interface PostgresOptions {
  /** The most connections, beside one for notifications. Default 10. */
  readonly max?: number;
  /** Milliseconds after which a running statement is given up. Default 10,000. */
  readonly deadlineMs?: number;
  /** Milliseconds that a statement may wait for a connection. Default 5,000. */
  readonly waitMs?: number;
  /** Milliseconds for opening a connection. Default 2,000. */
  readonly connectMs?: number;
  /** Milliseconds between signs of life on the connection for notifications. Default 15,000. */
  readonly heartbeatMs?: number;
}

/** Unique keys over NULL (`nulls not distinct`) came with 15. */
const OLDEST_SERVER = 150_000;
const CLOSE_MS = 2_000;

/**
 * Opens the database at `url`.
 *
 * @throws {AppError} CONFIG_INVALID for a malformed URL, an `sslrootcert` that cannot be read or a
 * server too old; STORE_UNAVAILABLE when the server cannot be reached, or not as `sslmode` demands.
 */
export async function openPostgres(
  url: string,
  options: PostgresOptions = {},
): Promise<Database> {
  const target = parsePostgresUrl(url);
  await assertRootCert(target);
  const database = new PostgresDatabase(target, options);
  try {
    await database.assertServer();
    return database;
  } catch (error) {
    await database.close(0);
    throw error;
  }
}

async function assertRootCert({ rootCert }: Target): Promise<void> {
  if (rootCert === null) return;
  await readRootCert(rootCert).catch((cause) => {
    const message = `The file that DATABASE_URL names as sslrootcert ${cause.message}`;
    throw new AppError("CONFIG_INVALID", message, { cause });
  });
}

class PostgresDatabase implements Database {
  readonly kind = "postgres";
  readonly sql: Sql = makeSql(this);
  readonly #pool: PostgresPool;
  readonly #listener: PostgresListener;
  readonly #waitMs: number;

  constructor(target: Target, options: PostgresOptions) {
    const { max = 10, deadlineMs = 10_000, connectMs = 2_000, heartbeatMs = 15_000 } = options;
    this.#waitMs = options.waitMs ?? 5_000;
    this.#pool = new PostgresPool({
      max,
      waitMs: this.#waitMs,
      open: () => PostgresConnection.open(target, { connectMs, deadlineMs }),
    });
    this.#listener = new PostgresListener({
      heartbeatMs,
      open: (onNotify) => PostgresConnection.open(target, { connectMs, deadlineMs, onNotify }),
    });
  }

  query(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    return this.#pool.use((connection) => connection.query(text, values));
  }

  script(text: string): Promise<Row[]> {
    return this.#pool.use(async (connection) => {
      try {
        return await connection.script(text);
      } catch (error) {
        // What the script itself began would swallow every statement after it.
        if (error instanceof StatementError) connection.discard();
        throw error;
      }
    });
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#pool.use((connection) =>
      runTransaction(session(connection), work, { waitMs: this.#waitMs })
    );
  }

  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onGap: () => void,
  ): Promise<Subscription> {
    return this.#listener.listen({ channel, onPayload, onGap });
  }

  async close(graceMs: number = CLOSE_MS): Promise<void> {
    await Promise.all([this.#listener.close(), this.#pool.close(graceMs)]);
  }

  async assertServer(): Promise<void> {
    const [row] = await this.query("select current_setting('server_version_num')::int as v", []);
    if (Number(row?.["v"]) >= OLDEST_SERVER) return;
    throw new AppError("CONFIG_INVALID", "DATABASE_URL must lead to PostgreSQL 15 or later");
  }
}

function session(connection: PostgresConnection): Session {
  return {
    query: (text, values) => connection.query(text, values),
    script: (text) => connection.script(text),
    control: (text) => connection.control(text),
    discard: () => connection.discard(),
  };
}
