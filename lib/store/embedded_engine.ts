/**
 * One thread with the embedded database in it, seen from outside.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Failure, Reply, Task } from "./embedded_protocol.ts";
import type { Row } from "./sql.ts";
import { statementFailure, unavailable } from "./sql_error.ts";

interface Pending {
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (reason: unknown) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Called for each notification. */
export type OnNotify = (channel: string, payload: string) => void;

/** A started thread. After its first failure that isn't a statement's, it is of no more use. */
export class EmbeddedEngine {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onNotify: OnNotify;
  #lastId = 0;
  #dead = false;

  constructor(onNotify: OnNotify) {
    this.#onNotify = onNotify;
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

  /**
   * Has a task done within `deadlineMs` milliseconds; past them the thread is thrown away.
   *
   * @throws {AppError} STORE_UNAVAILABLE, or DATA_DIR_IN_USE when opening.
   * @throws {StatementError} when the statement was refused.
   */
  run(task: Task, deadlineMs: number): Promise<Row[]> {
    if (this.#dead) return Promise.reject(unavailable("The embedded database has stopped"));
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.discard(unavailable("The embedded database did not answer in time"));
      }, deadlineMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#worker.postMessage({ id, task });
    });
  }

  /** Ends the thread, whatever it is doing; what was asked of it is rejected. */
  discard(reason: unknown = unavailable("The embedded database has stopped")): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#worker.terminate();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#pending.clear();
  }

  #receive(reply: Reply): void {
    if (!("id" in reply)) {
      this.#onNotify(reply.channel, reply.payload);
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if ("rows" in reply) pending.resolve(reply.rows);
    else pending.reject(this.#explain(reply.failure));
  }

  #explain(failure: Failure): Error {
    const { sqlstate, constraint, detail, holder } = failure;
    if (sqlstate !== null) return statementFailure({ sqlstate, constraint }, detail);
    const reason = holder === undefined
      ? unavailable("The embedded database failed", detail)
      : inUse(holder);
    this.discard(reason);
    return reason;
  }
}

function inUse(holder: number): AppError {
  const who = holder === 0 ? "another process" : `process ${holder}`;
  return new AppError("DATA_DIR_IN_USE", `The data directory is in use by ${who}`);
}
