/**
 * The {@linkcode Database} port over PGlite: PostgreSQL compiled to WebAssembly, in a thread of
 * this process, for one process at a time.
 *
 * It has one connection. Statements and transactions take turns; while a transaction runs, all
 * else waits. A statement made on the database's own handle from inside a transaction's work would
 * wait for that very transaction: it is refused when its time to wait is over.
 *
 * Each commit is synced to the disk before it is acknowledged. A statement past its deadline is
 * given up; until it ends, all others are refused at once. After a crash of the engine the next
 * statement starts a new thread on the same files.
 *
 * A disk with less than 64 MiB left refuses writes, since a full one would hang the engine.
 *
 * Permissions: `--allow-write=DIRECTORY`, `--allow-sys=statfs`, and `--allow-read` of DIRECTORY, of
 * this folder (the thread is loaded from it) and of PGlite's package in Deno's cache.
 *
 * @module
 */
import { EmbeddedEngine } from "./embedded_engine.ts";
import type { Task } from "./embedded_protocol.ts";
import { Lane } from "./lane.ts";
import type { Database, Row, Sql, SqlValue, Subscription } from "./sql.ts";
import { StatementError, unavailable } from "./sql_error.ts";
import { makeSql } from "./tagged.ts";
import { runTransaction, type Session } from "./transaction.ts";

/** Options of {@linkcode openEmbedded}. */
export interface EmbeddedOptions {
  /** Milliseconds after which a running statement is given up. Default 10,000. */
  readonly deadlineMs?: number;
  /** Milliseconds that a statement may wait for its turn. Default 5,000. */
  readonly waitMs?: number;
  /**
   * Called when a statement that was given up has not ended a minute later. Only another process
   * can help then: end this one.
   */
  readonly onStuck?: () => void;
}

/** The embedded database, with what only it can tell. */
export interface EmbeddedDatabase extends Database {
  readonly kind: "embedded";
  /** How often a file was synced to the disk since the database's thread was started. */
  syncs(): Promise<number>;
}

interface Ear {
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  readonly onGap: () => void;
}

/** A first start unpacks a whole new database. */
const OPEN_MS = 60_000;
/** Milliseconds in which the process or thread before this one may finish ending. */
const PREDECESSOR_MS = 1_000;
/** A statement given up and not ended for this long is taken to be stuck. */
const STUCK_MS = 60_000;
/** A script is a migration. */
const SCRIPT_MS = 600_000;
const CLOSE_MS = 2_000;

/**
 * Opens the database under `directory`, which is made if it isn't there.
 *
 * @throws {AppError} DATA_DIR_IN_USE when another process has it open; STORE_UNAVAILABLE when it
 * cannot be opened.
 */
export async function openEmbedded(
  directory: string,
  options: EmbeddedOptions = {},
): Promise<EmbeddedDatabase> {
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  await Deno.chmod(directory, 0o700);
  const database = new Embedded(directory, options);
  await database.query("select 1", []);
  return database;
}

class Embedded implements EmbeddedDatabase {
  readonly kind = "embedded";
  readonly sql: Sql = makeSql(this);
  readonly #directory: string;
  readonly #deadlineMs: number;
  readonly #waitMs: number;
  readonly #onStuck: () => void;
  readonly #lane: Lane;
  readonly #ears = new Set<Ear>();
  #engine: EmbeddedEngine | null = null;
  #closed = false;

  constructor(directory: string, options: EmbeddedOptions) {
    this.#directory = directory;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#waitMs = options.waitMs ?? 5_000;
    this.#onStuck = options.onStuck ?? (() => {});
    this.#lane = new Lane(this.#waitMs);
  }

  query(text: string, values: readonly SqlValue[]): Promise<Row[]> {
    return this.#turn((engine) => this.#session(engine).query(text, values));
  }

  script(text: string): Promise<Row[]> {
    return this.#turn(async (engine) => {
      const session = this.#session(engine);
      try {
        return await session.script(text);
      } catch (error) {
        // What the script itself began would swallow every statement after it.
        if (error instanceof StatementError) await session.control("rollback").catch(() => {});
        throw error;
      }
    });
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#turn((engine) =>
      runTransaction(this.#session(engine), work, { waitMs: this.#waitMs })
    );
  }

  async syncs(): Promise<number> {
    const [row] = await this.#turn((engine) => engine.run({ kind: "syncs" }, this.#deadlineMs));
    return Number(row?.["syncs"]);
  }

  async listen(
    channel: string,
    onPayload: (payload: string) => void,
    onGap: () => void,
  ): Promise<Subscription> {
    const ear = { channel, onPayload, onGap };
    const known = this.#channels().has(channel);
    this.#ears.add(ear);
    if (!known) {
      await this.#turn((engine) => engine.run({ kind: "listen", channel }, this.#deadlineMs));
    }
    onGap();
    return { close: () => Promise.resolve(void this.#ears.delete(ear)) };
  }

  async close(graceMs: number = CLOSE_MS): Promise<void> {
    if (this.#closed) return;
    this.#ears.clear();
    const timer = setTimeout(() => this.#engine?.discard(), graceMs);
    await this.#lane.run(async () => {
      this.#closed = true;
      await this.#engine?.run({ kind: "close" }, graceMs);
    }).catch(() => {});
    clearTimeout(timer);
    this.#closed = true;
    this.#engine?.discard();
  }

  /** Gives `task` the only connection when its turn has come. */
  #turn<T>(task: (engine: EmbeddedEngine) => Promise<T>): Promise<T> {
    return this.#lane.run(async () => {
      if (this.#closed) throw unavailable("The database is closed");
      if (this.#engine === null || this.#engine.dead) this.#engine = await this.#start();
      return await task(this.#engine);
    });
  }

  async #start(): Promise<EmbeddedEngine> {
    const engine = new EmbeddedEngine({
      onNotify: (channel, payload) => {
        for (const ear of this.#ears) if (ear.channel === channel) ear.onPayload(payload);
      },
      onStuck: this.#onStuck,
      stuckMs: STUCK_MS,
    });
    const task = { kind: "open", directory: this.#directory, patienceMs: PREDECESSOR_MS } as const;
    await engine.run(task, OPEN_MS);
    for (const channel of this.#channels()) {
      await engine.run({ kind: "listen", channel }, this.#deadlineMs);
    }
    if (this.#engine !== null) { for (const ear of this.#ears) ear.onGap(); }
    return engine;
  }

  #session(engine: EmbeddedEngine): Session {
    const run = async (task: Task, deadlineMs: number) => void await engine.run(task, deadlineMs);
    return {
      query: (text, values) => engine.run({ kind: "query", text, values }, this.#deadlineMs),
      script: (text) => engine.run({ kind: "script", text }, SCRIPT_MS),
      control: (text) => run({ kind: "script", text }, this.#deadlineMs),
      // Held by a statement given up, it rolls back by itself when that ends.
      discard: () => engine.held || engine.discard(),
    };
  }

  #channels(): Set<string> {
    return new Set([...this.#ears].map((ear) => ear.channel));
  }
}
