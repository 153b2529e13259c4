/**
 * Bringing back: deleted secrets, and whole places as they were.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { type Action, type Principal, visibility } from "../principal/principal.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { metadataOf, type SecretMetadata, type SecretRow } from "../resolve/records.ts";
import type { Namespace, SecretRef } from "../resolve/ref.ts";
import { type DeletedPosition, findAllOfName, listDeleted } from "../store/deleted_secrets.ts";
import type { Sql } from "../store/sql.ts";
import { allow, allowPlace, secretNotFound } from "./access.ts";
import {
  type ChangeContext,
  deleteChange,
  entryOf,
  type RecordedChange,
  restoreChange,
  updateChange,
} from "./changes.ts";
import type { HeadKeeper, PlacesTransaction, SecretPlace } from "./head_keeper.ts";
import { type MomentAction, type MomentPlan, type MomentStep, planMoment } from "./moment.ts";
import { openKept } from "./kept_version.ts";
import { readPlace } from "./place_state.ts";

/** What a recovery is made of. */
export interface RecoveryParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly keeper: HeadKeeper;
  /** Told of a place where something may have changed. */
  readonly resolver: { invalidate(namespace: Namespace | null): void };
  /** How many versions are kept; `null` is no limit. */
  readonly keepVersions: number | null;
  readonly now: () => Date;
}

/** A deleted secret. */
export interface DeletedSecret extends SecretMetadata {
  readonly deletedAt: Date;
}

/** A page of deleted secrets. */
export interface DeletedPage {
  readonly secrets: readonly DeletedSecret[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: DeletedPosition;
}

/** What was, or would be, done with a secret. */
export interface RestoredSecret {
  readonly secret: SecretMetadata;
  readonly action: MomentAction | "unchanged";
  /** The version that is served afterwards; of a deleted one, its last. */
  readonly version: number;
  /** The version whose value counts again; `null` when the value is the current one. */
  readonly from: number | null;
}

/** The longest page. */
const MAX_PAGE = 1_000;

/** Lists, restores and purges. */
export class Recovery {
  readonly #parts: RecoveryParts;

  /** Reads nothing yet. */
  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Deleted secrets that the principal may list, the last deleted first. */
  async listDeleted(
    principal: Principal,
    request: { place?: Namespace | null; after?: DeletedPosition; limit?: number } = {},
  ): Promise<DeletedPage> {
    const limit = Math.min(request.limit ?? MAX_PAGE, MAX_PAGE);
    const visible = visibility(principal, "secrets:list");
    const query = { ...request, visible, limit: limit + 1 };
    const rows = await listDeleted(this.#parts.sql, query);
    const secrets = rows.slice(0, limit).map((row) => ({
      ...metadataOf(verifySecretRow(this.#parts.ring, row)),
      deletedAt: row.deletedAt!,
    }));
    const last = secrets.at(-1);
    if (rows.length <= limit || last === undefined) return { secrets };
    return { secrets, next: { deletedAt: last.deletedAt, id: last.id } };
  }

  /**
   * Brings the secret of this name back that was deleted last, with its history.
   *
   * @param options `asVersion`: where there is a secret of this name again, its value becomes that
   * one's newest version.
   * @throws {AppError} SECRET_NOT_FOUND when none is kept, CONFLICT when there is one again.
   */
  async restore(
    principal: Principal,
    ref: SecretRef,
    options: { asVersion?: boolean } = {},
  ): Promise<SecretMetadata> {
    allow(principal, "secrets:write", ref);
    return await this.#change(ref.namespace, async (transaction) => {
      await transaction.check(ref.namespace);
      const rows = await this.#rowsOf(transaction.sql, ref);
      const live = rows.find(({ deletedAt }) => deletedAt === null);
      const deleted = rows.find(({ deletedAt }) => deletedAt !== null);
      if (deleted === undefined) throw secretNotFound();
      const context = this.#context(principal);
      if (live === undefined) {
        return await this.#put(transaction, restoreChange(context, deleted, {}));
      }
      if (options.asVersion !== true) throw taken();
      const value = await this.#valueOf(transaction.sql, deleted, deleted.version);
      const as = { action: "secret.restore", from: deleted.version };
      return await this.#put(transaction, updateChange(context, live, { value }, as));
    });
  }

  /**
   * Removes a secret and every deleted one of its name, with their histories, for good.
   *
   * @returns How many.
   * @throws {AppError} SECRET_NOT_FOUND when there is none, live or deleted.
   */
  async purge(principal: Principal, ref: SecretRef): Promise<number> {
    allow(principal, "secrets:delete", ref);
    return await this.#change(ref.namespace, async ({ sql, remove }) => {
      const rows = await this.#rowsOf(sql, ref);
      if (rows.length === 0) throw secretNotFound();
      const context = this.#context(principal);
      const entry = (row: SecretRow) => entryOf(context, "secret.purge", row);
      if (await remove(ref.namespace, rows, entry)) return rows.length;
      throw changedMeanwhile();
    });
  }

  /**
   * Makes a place what it was at a moment: values by new versions, names by deleting and bringing
   * back. All of it happens, or nothing. Descriptions and expiries stay as they are.
   *
   * @throws {AppError} ACCESS_DENIED when one of the steps isn't granted.
   * @throws {AppError} VERSION_NOT_FOUND when a value of that time isn't kept any more.
   */
  async restoreAt(
    principal: Principal,
    place: SecretPlace,
    at: Date,
    options: { dryRun?: boolean } = {},
  ): Promise<RestoredSecret[]> {
    const { sql, ring, now } = this.#parts;
    allowPlace(principal, place);
    if (at > now()) throw new AppError("INVALID_INPUT", "The moment must not be in the future");
    const plan = async (on: Sql) => {
      const { rows, versions } = await readPlace(on, ring, place);
      return checkPlan(principal, place, planMoment(rows, versions, at));
    };
    if (options.dryRun === true) return resultsOf(await plan(sql));
    return await this.#change(place, async (transaction) => {
      await transaction.check(place);
      const planned = await plan(transaction.sql);
      await this.#take(transaction, principal, place, planned.steps);
      return resultsOf(planned);
    });
  }

  async #take(
    { sql, put }: PlacesTransaction,
    principal: Principal,
    place: SecretPlace,
    steps: readonly MomentStep[],
  ): Promise<void> {
    const context = this.#context(principal);
    // Names are freed first: one statement would meet both of a name at once.
    for (const frees of [true, false]) {
      const changes: RecordedChange[] = [];
      for (const step of steps) {
        if ((step.action === "delete") !== frees) continue;
        const value = step.version === null
          ? {}
          : { value: await this.#valueOf(sql, step.row, step.version) };
        if (step.action === "delete") changes.push(deleteChange(context, step.row));
        else if (step.action === "restore") changes.push(restoreChange(context, step.row, value));
        else changes.push(updateChange(context, step.row, value, rollbackTo(step.version)));
      }
      if (changes.length > 0 && !await put(place, changes)) throw changedMeanwhile();
    }
  }

  async #rowsOf(sql: Sql, ref: SecretRef): Promise<SecretRow[]> {
    const rows = await findAllOfName(sql, ref);
    return rows.map((row) => verifySecretRow(this.#parts.ring, row));
  }

  async #valueOf(sql: Sql, row: SecretRow, number: number) {
    return await openKept(sql, this.#parts.ring, row, number);
  }

  async #put({ put }: PlacesTransaction, change: RecordedChange): Promise<SecretMetadata> {
    if (await put(change.after.namespace, [change])) return metadataOf(change.after);
    throw changedMeanwhile();
  }

  async #change<T>(
    place: SecretPlace,
    work: (transaction: PlacesTransaction) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#parts.keeper.transact([place], work);
    } finally {
      // Also after an error: a connection that broke may have broken after the commit.
      this.#parts.resolver.invalidate(place);
    }
  }

  #context(principal: Principal): ChangeContext {
    const { ring, now, keepVersions } = this.#parts;
    const actor = actorOf(principal);
    return { ring, now: now(), by: principal.id, actor, keepVersions };
  }
}

const ACTIONS: Readonly<Record<MomentAction, Action>> = {
  delete: "secrets:delete",
  restore: "secrets:write",
  rollback: "secrets:rollback",
};

function rollbackTo(version: number | null): { action: string; from?: number } {
  return { action: "secret.rollback", ...(version !== null && { from: version }) };
}

function checkPlan(principal: Principal, place: SecretPlace, plan: MomentPlan): MomentPlan {
  for (const { action, row } of plan.steps) {
    allow(principal, ACTIONS[action], { namespace: place, name: row.name });
  }
  for (const { name } of plan.unchanged) {
    allow(principal, "secrets:read", { namespace: place, name });
  }
  const [first] = plan.lost;
  if (first === undefined) return plan;
  allow(principal, "secrets:read", { namespace: place, name: first });
  throw new AppError(
    "VERSION_NOT_FOUND",
    `The value that ${first} had then is not kept any more, of ${plan.lost.length} in all`,
  );
}

function resultsOf({ steps, unchanged }: MomentPlan): RestoredSecret[] {
  const results = steps.map(({ action, row, version }): RestoredSecret => ({
    secret: metadataOf(row),
    action,
    version: row.version + (version === null ? 0 : 1),
    from: version,
  }));
  const same = unchanged.map((row): RestoredSecret => ({
    secret: metadataOf(row),
    action: "unchanged",
    version: row.version,
    from: null,
  }));
  return [...results, ...same].sort((a, b) => a.secret.name < b.secret.name ? -1 : 1);
}

function taken(): AppError {
  return new AppError(
    "CONFLICT",
    "There is a secret of this name again; delete it first, or restore the value as its new version",
  );
}

function changedMeanwhile(): AppError {
  return new AppError("CONFLICT", "Secrets were changed meanwhile");
}
