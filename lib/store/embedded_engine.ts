/**
 * One thread with the embedded database in it, seen from outside.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Failure, Reply, Task } from "./embedded_protocol.ts";
import type { Row } from "./sql.ts";
import { endsConnection, statementFailure, unavailable } from "./sql_error.ts";

/** What an engine answers to everything after it was cut off in the middle of a statement. */
const ACTIVE_PORTAL = "24000";

interface Pending {
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (reason: unknown) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Options of an {@linkcode EmbeddedEngine}. */
export interface EngineOptions {
  /** Called for each notification. */
  readonly onNotify: (channel: string, payload: string) => void;
  /** Called when a statement that was given up has not ended `stuckMs` milliseconds later. */
  readonly onStuck: () => void;
  readonly stuckMs: number;
}

/**
 * A started thread.
 *
 * A thread at work in WebAssembly cannot be stopped: Deno's `terminate()` takes effect only when
 * it comes back to its event loop. So a statement that is given up holds the thread until it ends,
 * and so long nothing else is let in. If it was part of a transaction, that is then rolled back.
 */
export class EmbeddedEngine {
  readonly #worker: Worker;
  readonly #options: EngineOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** The task that was given up and has not ended; `null` when the thread is free. */
  #overdue: { id: number; timer: ReturnType<typeof setTimeout> } | null = null;
  #dead = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#worker = new Worker(new URL("./embedded_worker.ts", import.meta.url), {
      type: "module",
      name: "database",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      // Left alone, an error in the thread would end the whole process.
      event.preventDefault();
      this.discard(unavailable("The embedded database crashed", event.message));
    };
  }

  /** Whether the thread has been thrown away. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Whether a statement that was given up has not ended yet. */
  get held(): boolean {
    return this.#overdue !== null;
  }

  /**
   * Has a task done within `deadlineMs` milliseconds.
   *
   * @throws {AppError} STORE_UNAVAILABLE, or DATA_DIR_IN_USE when opening.
   * @throws {StatementError} when the statement was refused.
   */
  run(task: Task, deadlineMs: number): Promise<Row[]> {
    if (this.#dead) return Promise.reject(unavailable("The embedded database has stopped"));
    if (this.#overdue !== null) {
      return Promise.reject(unavailable("The embedded database is held by a statement given up"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Row[]>();
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.#giveUp(id), deadlineMs);
    this.#pending.set(id, { resolve, reject, timer });
    this.#worker.postMessage({ id, task });
    return promise;
  }

  /** Throws the thread away; what was asked of it is rejected. */
  discard(reason: unknown = unavailable("The embedded database has stopped")): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#worker.terminate();
    clearTimeout(this.#overdue?.timer);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#pending.clear();
  }

  #giveUp(id: number): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    const timer = setTimeout(this.#options.onStuck, this.#options.stuckMs);
    this.#overdue = { id, timer };
    pending?.reject(unavailable("The embedded database did not answer in time"));
  }

  #receive(reply: Reply): void {
    if (!("id" in reply)) {
      this.#options.onNotify(reply.channel, reply.payload);
    } else if (reply.id === this.#overdue?.id) {
      this.#resume(this.#overdue.timer);
    } else {
      this.#settle(reply);
    }
  }

  /** The statement that was given up has ended; leave no transaction of it behind. */
  #resume(timer: ReturnType<typeof setTimeout>): void {
    clearTimeout(timer);
    const id = ++this.#lastId;
    const free = () => this.#overdue = null;
    const failed = (reason: unknown) => this.discard(reason);
    this.#pending.set(id, { resolve: free, reject: failed, timer });
    this.#worker.postMessage({ id, task: { kind: "script", text: "rollback" } });
  }

  #settle(reply: Exclude<Reply, { channel: string }>): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if ("rows" in reply) pending.resolve(reply.rows);
    else pending.reject(this.#explain(reply.failure));
  }

  #explain(failure: Failure): Error {
    const { sqlstate, constraint, detail, holder } = failure;
    if (sqlstate !== null) {
      if (endsConnection(sqlstate) || sqlstate === ACTIVE_PORTAL) this.discard();
      return statementFailure({ sqlstate, constraint }, detail);
    }
    const reason = holder === undefined
      ? unavailable("The embedded database failed", detail)
      : inUse(holder, detail);
    this.discard(reason);
    return reason;
  }
}

function inUse(holder: number, detail: string): AppError {
  if (holder === Deno.pid) {
    return unavailable("This process has the embedded database open already", detail);
  }
  const who = holder === 0 ? "another process" : `process ${holder}`;
  return new AppError(
    "DATA_DIR_IN_USE",
    `The data directory is in use by ${who}; stop it or set FLUXBASE_DATA_DIR`,
  );
}
