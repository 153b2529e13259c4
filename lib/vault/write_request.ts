/**
 * What a write of the vault is made of: conditions, what makes it this request, and its plan.
 *
 * @module
 */
import type { Field } from "../crypto/canonical.ts";
import type { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import type { Action } from "../principal/principal.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { SecretLocator } from "../store/secrets.ts";
import type { Sql } from "../store/sql.ts";
import type { ChangeContext, RecordedChange } from "./changes.ts";

/** The versions that a write may replace; `*` means any. */
export type IfMatch = "*" | readonly number[];

/** Conditions of a write. */
export interface WriteOptions {
  readonly ifMatch?: IfMatch;
  /** Repeats of the same request under this key get the same answer for a day. */
  readonly idempotencyKey?: string;
}

/** A change together with the value in it, if there is one. */
export interface PlannedChange {
  readonly change: RecordedChange;
  readonly value?: Plaintext;
}

/** A write of a new secret. */
export interface Insertion {
  /** What makes it this request, beside operation and name. */
  readonly fields: readonly Field[];
  plan(context: ChangeContext): PlannedChange;
}

/** A write of a secret that is there. */
export interface Replacement {
  readonly operation: "update" | "rollback" | "delete";
  readonly action: Action;
  /** What makes it this request, beside operation and name. */
  readonly fields: readonly Field[];
  /** Decides on the row as it is; may run twice. `sql` is what the row was read with. */
  plan(
    context: ChangeContext,
    before: SecretRow,
    sql: Sql,
  ): PlannedChange | Promise<PlannedChange>;
}

/**
 * Lets a write through whose condition holds.
 *
 * @throws {AppError} PRECONDITION_FAILED when it doesn't.
 */
export function checkPrecondition({ version }: SecretRow, ifMatch: IfMatch | undefined): void {
  if (ifMatch === undefined || ifMatch === "*" || ifMatch.includes(version)) return;
  throw new AppError("PRECONDITION_FAILED", `Secret is at version ${version}, not at If-Match`);
}

/** What a locator adds to what makes a request this one. */
export function locatorFields(locator: SecretLocator): Field[] {
  return "id" in locator ? ["id", locator.id] : ["ref", locator.namespace, locator.name];
}

/** The queue of a secret. By name and by id are two; the store's comparison joins them. */
export function turnOf(locator: SecretLocator): string {
  return "id" in locator ? `id ${locator.id}` : `${locator.namespace ?? ""} ${locator.name}`;
}
