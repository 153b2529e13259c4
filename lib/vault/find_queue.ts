/**
 * Group look-up: secrets of one place that are asked for while the database is busy are found
 * together.
 *
 * A read costs the database and this process a statement, however little it is about. Who comes
 * while some are under way waits for the next one and shares it, so that statements grow fewer as
 * load grows. Nobody is given a row from a statement that was sent before they asked.
 *
 * @module
 */
import type { SecretRow } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { findSecretsById, findSecretsByName, type SecretLocator } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";
import { busyForTooLong } from "../store/sql_error.ts";

/** What is looked up together: secrets of one place by name, or any by id. */
type Key = Namespace | null | typeof BY_ID;

interface Waiting {
  readonly label: string;
  /** Milliseconds of `performance.now()`. */
  readonly since: number;
  resolve(row: SecretRow | undefined): void;
  reject(error: unknown): void;
}

interface Queue {
  readonly waiting: Waiting[];
  running: number;
}

const BY_ID = Symbol("by id");
/** One is answered by the database while this process prepares and reads another one. */
const AT_ONCE = 2;
/** The most secrets in one statement. */
const MAX_LABELS = 64;
const WAIT_MS = 5_000;

/** Finds live secrets. */
export class FindQueue {
  readonly #sql: Sql;
  readonly #waitMs: number;
  readonly #queues = new Map<Key, Queue>();

  /** @param waitMs Whoever has waited longer is sent away before the next statement, milliseconds. */
  constructor(sql: Sql, waitMs: number = WAIT_MS) {
    this.#sql = sql;
    this.#waitMs = waitMs;
  }

  /**
   * Finds a secret as it is now; its row isn't authenticated yet.
   *
   * @throws {AppError} STORE_UNAVAILABLE
   */
  find(locator: SecretLocator): Promise<SecretRow | undefined> {
    const [key, label] = "id" in locator
      ? [BY_ID, locator.id] as const
      : [locator.namespace, locator.name] as const;
    const queue = this.#queueOf(key);
    const { promise, resolve, reject } = Promise.withResolvers<SecretRow | undefined>();
    queue.waiting.push({ label, since: performance.now(), resolve, reject });
    if (queue.running < AT_ONCE) void this.#drain(key, queue);
    return promise;
  }

  #queueOf(key: Key): Queue {
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { waiting: [], running: 0 };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  async #drain(key: Key, queue: Queue): Promise<void> {
    queue.running++;
    for (;;) {
      const batch = takeBatch(queue.waiting, this.#waitMs);
      if (batch.length === 0) break;
      await this.#findBatch(key, batch);
    }
    queue.running--;
    if (queue.running === 0) this.#queues.delete(key);
  }

  async #findBatch(key: Key, batch: readonly Waiting[]): Promise<void> {
    try {
      const labels = [...new Set(batch.map(({ label }) => label))];
      const rows = key === BY_ID
        ? await findSecretsById(this.#sql, labels)
        : await findSecretsByName(this.#sql, key, labels);
      const column = key === BY_ID ? "id" : "name";
      for (const { label, resolve } of batch) resolve(rows.find((row) => row[column] === label));
    } catch (error) {
      // Labels are well-formed, so it isn't one of them that is at fault.
      for (const { reject } of batch) reject(error);
    }
  }
}

/** Takes the next ones, and sends those away who have waited too long. */
function takeBatch(waiting: Waiting[], waitMs: number): Waiting[] {
  const latest = performance.now() - waitMs;
  const batch: Waiting[] = [];
  while (waiting.length > 0 && batch.length < MAX_LABELS) {
    const next = waiting.shift()!;
    if (next.since > latest) batch.push(next);
    else next.reject(busyForTooLong());
  }
  return batch;
}
