/**
 * How settings are written: in one transaction with the remembered answer, told before it is
 * acknowledged.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { Field } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import { settingName, type SettingRef, type UserId } from "../resolve/setting_ref.ts";
import { rememberAnswer } from "../store/idempotency.ts";
import { findSetting } from "../store/settings.ts";
import type { ChangeSet, RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { Idempotency, type RepeatableRequest } from "../vault/idempotency.ts";
import type { WriteOptions } from "../vault/write_request.ts";
import { parseSettingAnswer, settingAnswerText, type SettingResult } from "./answer.ts";
import type { SettingContext } from "./changes.ts";

/** What a vault of settings is made of. */
export interface SettingsVaultParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Which settings there are. */
  readonly set?: RowSetStore;
  /** Those who hold values opened; told after a commit and before it is acknowledged. */
  readonly resolver: {
    invalidate(userId: UserId | null): void;
    doubt(userId: UserId | null): void;
  };
  /** The clock; default the machine's. */
  readonly now?: () => Date;
}

/** A write as it is asked for. */
export interface SettingWrite {
  readonly principal: Principal;
  readonly ref: SettingRef;
  /** HTTP status of its answer. */
  readonly status: 200 | 201;
  /** What makes it this request, beside its place and condition. */
  readonly fields: readonly Field[];
  readonly options: WriteOptions;
}

/** What a write does, in its transaction. */
export interface SettingWork {
  run(tx: Sql, context: SettingContext, change: ChangeSet): Promise<SettingResult>;
}

/** Writes settings. */
export class SettingWriter {
  readonly #parts: Required<SettingsVaultParts>;
  readonly #idempotency: Idempotency;

  constructor(parts: Required<SettingsVaultParts>) {
    this.#parts = parts;
    this.#idempotency = new Idempotency(parts.ring);
  }

  /**
   * Does `work`, or repeats the answer that it had.
   *
   * @throws {AppError} What `work` throws; DUPLICATE_KEY when the name is taken.
   */
  async write(write: SettingWrite, { run }: SettingWork): Promise<SettingResult> {
    const { sql, set, ring, resolver, now } = this.#parts;
    const { principal } = write;
    const context = { ring, now: now(), by: principal.id, actor: actorOf(principal) };
    const request = requestOf(write);
    const repeated = await this.#recall(request, context.now);
    if (repeated !== undefined) return repeated;
    try {
      const result = await set.transact(sql, async (tx, change) => {
        const result = await run(tx, context, change);
        if (request !== undefined) {
          const answer = { status: write.status, text: settingAnswerText(result) };
          await rememberAnswer(tx, this.#idempotency.remember(request, answer, context.now));
        }
        return result;
      });
      resolver.invalidate(write.ref.userId);
      return result;
    } catch (error) {
      // A connection that broke may have broken after the commit.
      resolver.doubt(write.ref.userId);
      return await this.#explain(error, write.ref, request, context.now);
    }
  }

  async #recall(
    request: RepeatableRequest | undefined,
    now: Date,
  ): Promise<SettingResult | undefined> {
    if (request === undefined) return undefined;
    const text = await this.#idempotency.recall(this.#parts.sql, request, now);
    return text === undefined ? undefined : parseSettingAnswer(text);
  }

  /** What was refused may have been done by the same request, which came twice at once. */
  async #explain(
    error: unknown,
    ref: SettingRef,
    request: RepeatableRequest | undefined,
    now: Date,
  ): Promise<SettingResult> {
    const taken = error instanceof UniqueViolation;
    if (!taken && !(error instanceof AppError && error.status < 500)) throw error;
    const repeated = await this.#recall(request, now);
    if (repeated !== undefined) return repeated;
    throw taken ? await this.#taken(ref, error) : error;
  }

  /** Whether it is the key itself that is there, or one that differs in dots or case. */
  async #taken(ref: SettingRef, cause: unknown): Promise<AppError> {
    const same = await findSetting(this.#parts.sql, ref) !== undefined;
    const what = ref.userId === null ? "A secret setting with" : "A secret with";
    const message = same
      ? `${what} this key already exists`
      : `${what} a key that functions see as the same name (${
        settingName(ref.key)
      }) already exists`;
    return new AppError("DUPLICATE_KEY", message, { cause });
  }
}

function requestOf(
  { principal, ref, fields, options }: SettingWrite,
): RepeatableRequest | undefined {
  const { ifMatch, idempotencyKey: key } = options;
  if (key === undefined) return undefined;
  const condition = ifMatch === undefined ? null : String(ifMatch);
  return { principal: principal.id, key, fields: [...fields, ref.userId, ref.key, condition] };
}
