/**
 * Many changes at once: all of them, or none.
 *
 * @module
 */
import type { Field } from "../crypto/canonical.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { describeRef, type SecretRow } from "../resolve/records.ts";
import type { SecretRef } from "../resolve/ref.ts";
import { findLive } from "../store/deleted_secrets.ts";
import { ANSWERS_KEY, rememberAnswer } from "../store/idempotency.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { allow, secretNotFound } from "./access.ts";
import {
  type ChangeContext,
  createChange,
  deleteChange,
  patchFields,
  type RecordedChange,
  type SecretPatch,
  updateChange,
} from "./changes.ts";
import { Idempotency } from "./idempotency.ts";
import { changedMeanwhile, changePlaces, contextOf, type PlaceTools } from "./place_changes.ts";
import { checkPrecondition, type IfMatch, locatorFields } from "./write_request.ts";

/** One change of many. */
export interface BulkOperation {
  readonly ref: SecretRef;
  /** What is set: a new secret, which needs a value, or a change. `null` deletes the secret. */
  readonly patch: SecretPatch | null;
  /** The versions that may be replaced. With one of them, or `*`, the secret must be there. */
  readonly ifMatch?: IfMatch;
}

/** What became of one. */
export interface BulkResult {
  readonly action: "created" | "updated" | "deleted";
  readonly name: string;
  readonly namespace: string | null;
  /** The version that is served afterwards; of a deleted secret, its last. */
  readonly version: number;
}

/** The most changes at once. */
export const MAX_OPERATIONS = 1_000;

/** Writes many changes in one transaction. */
export class BulkWriter {
  readonly #parts: PlaceTools;
  readonly #idempotency: Idempotency;

  /** Writes nothing yet. */
  constructor(parts: PlaceTools) {
    this.#parts = parts;
    this.#idempotency = new Idempotency(parts.ring);
  }

  /**
   * Makes the changes, whichever scopes and namespaces they are in.
   *
   * @throws {AppError} What the first change that can't be made throws, its place in the list in
   * front of the message; then none was made.
   */
  async write(
    principal: Principal,
    operations: readonly BulkOperation[],
    options: { idempotencyKey?: string } = {},
  ): Promise<BulkResult[]> {
    checkList(operations);
    each(
      operations,
      ({ ref, patch }) =>
        allow(principal, patch === null ? "secrets:delete" : "secrets:write", ref),
    );
    const places = [...new Set(operations.map(({ ref }) => ref.namespace))];
    const context = contextOf(this.#parts, principal);
    const request = options.idempotencyKey === undefined ? undefined : {
      principal: principal.id,
      key: options.idempotencyKey,
      fields: requestFields(operations),
    };
    const recall = async () => {
      const text = request &&
        await this.#idempotency.recall(this.#parts.sql, request, context.now);
      return text === undefined ? undefined : JSON.parse(text) as BulkResult[];
    };
    const repeated = await recall();
    if (repeated !== undefined) return repeated;
    try {
      return await changePlaces(this.#parts, places, async ({ sql, put }) => {
        const live = await this.#live(sql, operations);
        const planned = each(operations, (operation) => plan(context, operation, live));
        for (const [place, group] of Map.groupBy(planned, ({ change }) => change.after.namespace)) {
          if (await put(place, group.map(({ change }) => change))) continue;
          throw changedMeanwhile();
        }
        const results = planned.map(({ result }) => result);
        if (request !== undefined) {
          const answer = { status: 200, text: JSON.stringify(results) };
          await rememberAnswer(sql, this.#idempotency.remember(request, answer, context.now));
        }
        return results;
      });
    } catch (error) {
      const isRepeated = error instanceof UniqueViolation && error.constraint === ANSWERS_KEY;
      const answer = isRepeated ? await recall() : undefined;
      if (answer === undefined) throw error;
      return answer;
    }
  }

  async #live(sql: Sql, operations: readonly BulkOperation[]): Promise<Map<string, SecretRow>> {
    const found = new Map<string, SecretRow>();
    for (const [place, group] of Map.groupBy(operations, ({ ref }) => ref.namespace)) {
      for (const row of await findLive(sql, place, group.map(({ ref }) => ref.name))) {
        found.set(labelOf(row), verifySecretRow(this.#parts.ring, row));
      }
    }
    return found;
  }
}

interface Planned {
  readonly change: RecordedChange;
  readonly result: BulkResult;
}

function plan(
  context: ChangeContext,
  { ref, patch, ifMatch }: BulkOperation,
  live: ReadonlyMap<string, SecretRow>,
): Planned {
  const before = live.get(labelOf(ref));
  if (before !== undefined) checkPrecondition(before, ifMatch);
  if (patch === null) {
    if (before === undefined) throw secretNotFound();
    return planned("deleted", deleteChange(context, before));
  }
  if (before !== undefined) return planned("updated", updateChange(context, before, patch));
  if (ifMatch !== undefined) throw secretNotFound();
  const { value } = patch;
  if (value === undefined) throw new AppError("INVALID_INPUT", "Value is required");
  return planned("created", createChange(context, ref, { ...patch, value }));
}

function planned(action: BulkResult["action"], change: RecordedChange): Planned {
  const { name, namespace, version } = change.after;
  return { change, result: { action, name, namespace, version } };
}

function checkList(operations: readonly BulkOperation[]): void {
  if (operations.length === 0 || operations.length > MAX_OPERATIONS) {
    throw new AppError("INVALID_INPUT", `Operations must be 1 to ${MAX_OPERATIONS}`);
  }
  const seen = new Set<string>();
  each(operations, ({ ref, patch }) => {
    if (seen.has(labelOf(ref))) {
      throw new AppError("INVALID_INPUT", `Secret ${describeRef(ref)} comes twice`);
    }
    seen.add(labelOf(ref));
    if (patch !== null && Object.values(patch).every((part) => part === undefined)) {
      throw new AppError("INVALID_INPUT", "At least one field must be provided");
    }
  });
}

/** Says of what goes wrong in which operation it did, counted from 0 as in the request. */
function each<T>(operations: readonly BulkOperation[], work: (each: BulkOperation) => T): T[] {
  return operations.map((operation, index) => {
    try {
      return work(operation);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const message = `Operation ${index}: ${error.message}`;
      throw new AppError(error.code, message, { cause: error, headers: error.headers });
    }
  });
}

function requestFields(operations: readonly BulkOperation[]): Field[] {
  return [
    "bulk",
    operations.length,
    ...operations.flatMap(({ ref, patch, ifMatch }): Field[] => [
      ...locatorFields(ref),
      ifMatch === undefined ? null : String(ifMatch),
      ...(patch === null ? [false] : [true, ...patchFields(patch)]),
    ]),
  ];
}

function labelOf({ namespace, name }: SecretRef): string {
  return `${namespace ?? ""} ${name}`;
}
