/**
 * Backups of everything: made as one encrypted stream, and brought back.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { EVERYTHING, holds, type Principal } from "../principal/principal.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { Namespace } from "../resolve/ref.ts";
import { holdMoment } from "../store/backup_rows.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { decryptWith, type Lock, openLock, refusedBackup, type Unlock } from "./cipher.ts";
import { exportRecords } from "./export.ts";
import { BackupReader, type Counts, writeLines } from "./lines.ts";
import { restoreRecords, type SchedulePlanner } from "./restore.ts";

/** What backups are made of and brought into. */
export interface BackupParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
  readonly serviceKeys: RowSetStore;
  readonly deployments: RowSetStore;
  readonly settings: RowSetStore;
  readonly schedules: RowSetStore;
  readonly planner: SchedulePlanner;
  /** Called after a restore: nothing that is held is current any more. */
  readonly onRestored: (places: readonly (Namespace | null)[]) => void;
  /** Called when a backup broke off after its first bytes had gone. */
  readonly onBroken: (error: unknown) => void;
  readonly now?: () => Date;
}

/** So much is made ahead of a slow reader, so that it doesn't hold the database up. */
const AHEAD_BYTES = 64 * 1024 * 1024;
/** A reader that takes nothing for so long is given up, ms. */
const STALL_MS = 120_000;

/** Makes and restores backups. */
export class Backups {
  readonly #parts: BackupParts;
  readonly #now: () => Date;

  /** Reads nothing yet. */
  constructor(parts: BackupParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /**
   * Makes a backup of this moment. The stream breaks off when something stored isn't as it was
   * written; without its end, no such file is restored.
   *
   * @throws {AppError} ACCESS_DENIED, or INVALID_INPUT for a lock that is none.
   */
  async create(principal: Principal, lock: Lock): Promise<ReadableStream<Uint8Array>> {
    allowEverything(principal);
    const encrypter = openLock(lock);
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#write(writable.getWriter()).catch((error) => this.#parts.onBroken(error));
    const ahead = new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES });
    const encrypted: ReadableStream<Uint8Array> = await encrypter.encrypt(readable);
    return encrypted.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({}, {}, ahead));
  }

  /**
   * Restores a backup into this database, which must be empty: all of it, or nothing.
   *
   * @returns How many records there were of each kind.
   * @throws {AppError} ACCESS_DENIED, CONFLICT when the database isn't empty, INVALID_INPUT when the
   * backup is refused.
   */
  async restore(
    principal: Principal,
    unlock: Unlock,
    stream: ReadableStream<Uint8Array>,
  ): Promise<Counts> {
    allowEverything(principal);
    const { sql, watch, onRestored } = this.#parts;
    const actor = actorOf(principal);
    const reader = new BackupReader(await decryptWith(unlock, stream));
    const tools = { ...this.#parts, now: this.#now(), actor };
    const { heads, places } = await sql
      .transaction((tx) => restoreRecords(tx, tools, reader.batches()))
      .catch((error) => {
        throw error instanceof UniqueViolation ? refusedBackup("something comes twice") : error;
      });
    for (const head of heads) watch.note(head);
    onRestored(places);
    return reader.counts;
  }

  async #write(writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    const { sql, ring } = this.#parts;
    const head = { createdAt: this.#now() };
    try {
      await sql.transaction(async (tx) => {
        await holdMoment(tx);
        for await (const chunk of writeLines(head, exportRecords(tx, ring))) {
          await inTime(writer.write(chunk));
        }
      });
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => {});
      throw error;
    }
  }
}

/**
 * Lets through who may do everything: a backup holds everything there is, and whoever can restore
 * one of their own making decides what everybody is served.
 *
 * @throws {AppError} ACCESS_DENIED
 */
export function allowEverything(principal: Principal): void {
  if (holds(principal, EVERYTHING)) return;
  throw new AppError(
    "ACCESS_DENIED",
    "Insufficient permissions: backups need a grant of everything",
  );
}

async function inTime(work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError("REQUEST_CANCELLED", "Nobody reads the backup")),
    STALL_MS,
  );
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
