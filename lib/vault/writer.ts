/**
 * How the vault writes: queued, compared, stored in one statement, told before it is acknowledged.
 *
 * @module
 */
import type { Field } from "../crypto/canonical.ts";
import { macKeyId } from "../crypto/envelope.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { Idempotency, type RepeatableRequest } from "./idempotency.ts";
import { KeyedMutex } from "./keyed_mutex.ts";
import type { Principal } from "../principal/principal.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { refOf, type SecretRow } from "../resolve/records.ts";
import type { Namespace, SecretRef } from "../resolve/ref.ts";
import { ANSWERS_KEY } from "../store/idempotency.ts";
import { findSecret, type SecretLocator } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { allow, allowRow, secretNotFound } from "./access.ts";
import type { ChangeContext, RecordedChange } from "./changes.ts";
import { answerOf, answerText, parseAnswer, type WriteResult } from "./answer.ts";
import type { HeadKeeper } from "./head_keeper.ts";
import { contextOf } from "./place_changes.ts";
import { RecentRows } from "./recent_rows.ts";
import type { Surroundings } from "./warnings.ts";
import {
  checkPrecondition,
  type Insertion,
  locatorFields,
  type PlannedChange,
  type Replacement,
  turnOf,
  type WriteOptions,
} from "./write_request.ts";

/** What a writer is made of; see `VaultParts`. */
export interface WriterParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly keeper: HeadKeeper;
  readonly resolver: {
    invalidate(namespace: Namespace | null): void;
    doubt(namespace: Namespace | null): void;
  };
  /** How many versions are kept; `null` is no limit. */
  readonly keepVersions: number | null;
  /** The names that the server's own environment has. */
  readonly environment: Surroundings["environment"];
  readonly now: () => Date;
}

/** One write under way. */
interface Writing {
  readonly context: ChangeContext;
  readonly status: 200 | 201;
  readonly request: RepeatableRequest | undefined;
  /** Where something may have changed, once it may. */
  touched?: Namespace | null;
}

/** How a change is stored; `false` when it is not of what is stored. */
type Put = (change: RecordedChange) => Promise<boolean>;

/** Writes secrets. Of several writers in this process on one secret each takes its turn. */
export class VaultWriter {
  readonly #parts: WriterParts;
  readonly #idempotency: Idempotency;
  readonly #turns = new KeyedMutex();
  readonly #recent = new RecentRows();

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#idempotency = new Idempotency(parts.ring);
  }

  /**
   * Stores a new secret.
   *
   * @throws {AppError} CONFLICT when its name is taken.
   */
  insert(
    principal: Principal,
    ref: SecretRef,
    insertion: Insertion,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const fields = ["create", ...locatorFields(ref), ...insertion.fields];
    const writing = this.#begin(principal, 201, fields, options);
    return this.#write(ref, writing, () => {
      const planned = insertion.plan(writing.context);
      return this.#put(this.#putAlone, writing, planned);
    });
  }

  /**
   * Stores a change of a secret.
   *
   * Three attempts, each with a surer idea of what is stored: the row that this process wrote last,
   * the row as it is read, and the row as it is read while its place is locked.
   *
   * @throws {AppError} SECRET_NOT_FOUND, PRECONDITION_FAILED, and what `plan` throws.
   */
  replace(
    principal: Principal,
    locator: SecretLocator,
    replacement: Replacement,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const fields = [replacement.operation, ...locatorFields(locator), ...replacement.fields];
    const writing = this.#begin(principal, 200, fields, options);
    const { sql } = this.#parts;
    const attempt = async (on: Sql, put: Put, before: SecretRow) => {
      allowRow(principal, replacement.action, before);
      checkPrecondition(before, options.ifMatch);
      return await this.#put(put, writing, await replacement.plan(writing.context, before, on));
    };
    const read = async (on: Sql, put: Put) =>
      await attempt(on, put, await this.#before(on, principal, locator, replacement));
    return this.#write(
      locator,
      writing,
      async () =>
        await this.#guess(locator, (before) => attempt(sql, this.#putAlone, before)) ??
          await read(sql, this.#putAlone) ??
          // Writers in this process wait their turn, so only another process can have won the race;
          // with the place locked, there is nothing left to lose.
          await this.#locked(locator, read),
    );
  }

  #putAlone: Put = (change) => this.#parts.keeper.put(change);

  async #locked(
    locator: SecretLocator,
    read: (on: Sql, put: Put) => Promise<WriteResult | undefined>,
  ): Promise<WriteResult | undefined> {
    const { sql, keeper } = this.#parts;
    const known = "id" in locator ? await findSecret(sql, locator) : locator;
    if (known === undefined) throw secretNotFound();
    const place = known.namespace;
    return await keeper.transact(
      [place],
      (tx) => read(tx.sql, (change) => tx.put(place, [change])),
    );
  }

  /**
   * Tries the row that this process wrote last, which saves a query. The statement compares it with
   * what is stored; and since it may be old, no refusal is based on it.
   */
  async #guess(
    locator: SecretLocator,
    attempt: (before: SecretRow) => Promise<WriteResult | undefined>,
  ): Promise<WriteResult | undefined> {
    const before = this.#recent.guess(turnOf(locator));
    if (before === undefined || !this.#isReadable(before)) return undefined;
    try {
      return await attempt(before);
    } catch (error) {
      if (error instanceof AppError && error.status < 500) return undefined;
      throw error;
    }
  }

  /** A row that was written long ago may be under a key that is out of use by now. */
  #isReadable({ mac }: SecretRow): boolean {
    return this.#parts.ring.knows(macKeyId(mac));
  }

  #begin(
    principal: Principal,
    status: Writing["status"],
    fields: readonly Field[],
    { ifMatch, idempotencyKey: key }: WriteOptions,
  ): Writing {
    const condition = ifMatch === undefined ? null : String(ifMatch);
    return {
      context: contextOf(this.#parts, principal),
      status,
      request: key === undefined
        ? undefined
        : { principal: principal.id, key, fields: [...fields, condition] },
    };
  }

  /** Takes a turn, repeats a remembered answer, or does the work. */
  #write(
    locator: SecretLocator,
    writing: Writing,
    work: () => Promise<WriteResult | undefined>,
  ): Promise<WriteResult> {
    return this.#turns.run(turnOf(locator), async () => {
      const repeated = await this.#recall(writing);
      if (repeated !== undefined) return repeated;
      try {
        const result = await work();
        if (result === undefined) throw new AppError("CONFLICT", "Secret was changed meanwhile");
        if (writing.touched !== undefined) this.#parts.resolver.invalidate(writing.touched);
        return result;
      } catch (error) {
        // A connection that broke may have broken after the commit.
        if (writing.touched !== undefined) this.#parts.resolver.doubt(writing.touched);
        return await this.#explain(error, writing);
      }
    });
  }

  async #before(
    sql: Sql,
    principal: Principal,
    locator: SecretLocator,
    { action }: Replacement,
  ): Promise<SecretRow> {
    if (!("id" in locator)) allow(principal, action, locator);
    const row = await findSecret(sql, locator);
    if (row === undefined) throw secretNotFound();
    verifySecretRow(this.#parts.ring, row);
    return allowRow(principal, action, row);
  }

  async #put(
    put: Put,
    writing: Writing,
    planned: PlannedChange,
  ): Promise<WriteResult | undefined> {
    const { context, status, request } = writing;
    const { change } = planned;
    const result = answerOf(change.after, planned.value, {
      now: context.now,
      environment: this.#parts.environment,
    });
    const answer = request &&
      this.#idempotency.remember(request, { status, text: answerText(result) }, context.now);
    writing.touched = change.after.namespace;
    const key = turnOf(refOf(change.after));
    this.#recent.forget(key);
    const stored = await put({ ...change, ...(answer && { answer }) });
    if (!stored) return undefined;
    this.#recent.remember(key, change.after);
    return result;
  }

  async #recall({ request, context }: Writing): Promise<WriteResult | undefined> {
    if (request === undefined) return undefined;
    const text = await this.#idempotency.recall(this.#parts.sql, request, context.now);
    return text === undefined ? undefined : parseAnswer(text);
  }

  /** A unique key refused the write: the same request came twice at once, or the name is taken. */
  async #explain(error: unknown, writing: Writing): Promise<WriteResult> {
    if (!(error instanceof UniqueViolation)) throw error;
    const repeated = error.constraint === ANSWERS_KEY ? await this.#recall(writing) : undefined;
    if (repeated !== undefined) return repeated;
    throw new AppError(
      "CONFLICT",
      "A secret with this name already exists in the specified scope",
      { cause: error },
    );
  }
}
