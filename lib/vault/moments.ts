/**
 * Whole places as they were: what `planMoment` plans, done.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Action, Principal } from "../principal/principal.ts";
import { metadataOf, type SecretMetadata } from "../resolve/records.ts";
import type { Sql } from "../store/sql.ts";
import { allow, allowPlace } from "./access.ts";
import { deleteChange, type RecordedChange, restoreChange, updateChange } from "./changes.ts";
import type { PlacesTransaction, SecretPlace } from "./head_keeper.ts";
import { openKept } from "./kept_version.ts";
import { type MomentAction, type MomentPlan, type MomentStep, planMoment } from "./moment.ts";
import { changedMeanwhile, changePlaces, contextOf, type PlaceTools } from "./place_changes.ts";
import { readPlace } from "./place_state.ts";

/** What was, or would be, done with a secret. */
export interface RestoredSecret {
  readonly secret: SecretMetadata;
  readonly action: MomentAction | "unchanged";
  /** The version that is served afterwards; of a deleted one, its last. */
  readonly version: number;
  /** The version whose value counts again; `null` when the value is the current one. */
  readonly from: number | null;
}

/** Brings places back to moments. */
export class Moments {
  readonly #tools: PlaceTools;

  /** Reads nothing yet. */
  constructor(tools: PlaceTools) {
    this.#tools = tools;
  }

  /**
   * Makes a place what it was at a moment: values by new versions, names by deleting and bringing
   * back. All of it happens, or nothing. Descriptions and expiries stay as they are.
   *
   * @throws {AppError} ACCESS_DENIED when one of the steps isn't granted.
   * @throws {AppError} VERSION_NOT_FOUND when a value of that time isn't kept any more.
   */
  async restore(
    principal: Principal,
    place: SecretPlace,
    at: Date,
    options: { dryRun?: boolean } = {},
  ): Promise<RestoredSecret[]> {
    const { sql, ring, now } = this.#tools;
    allowPlace(principal, place);
    if (at > now()) throw new AppError("INVALID_INPUT", "The moment must not be in the future");
    const plan = async (on: Sql) => {
      const { rows, versions } = await readPlace(on, ring, place);
      return checkPlan(principal, place, planMoment(rows, versions, at));
    };
    if (options.dryRun === true) return resultsOf(await plan(sql));
    return await changePlaces(this.#tools, [place], async (transaction) => {
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
    const context = contextOf(this.#tools, principal);
    // Names are freed first: one statement would meet both of a name at once.
    for (const frees of [true, false]) {
      const changes: RecordedChange[] = [];
      for (const step of steps) {
        if ((step.action === "delete") !== frees) continue;
        const value = step.version === null
          ? {}
          : { value: await openKept(sql, context.ring, step.row, step.version) };
        if (step.action === "delete") changes.push(deleteChange(context, step.row));
        else if (step.action === "restore") changes.push(restoreChange(context, step.row, value));
        else changes.push(updateChange(context, step.row, value, rollbackTo(step.version)));
      }
      if (changes.length > 0 && !await put(place, changes)) throw changedMeanwhile();
    }
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
