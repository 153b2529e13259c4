/**
 * Deleted secrets: listed, brought back, or removed for good.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { type Principal, visibility } from "../principal/principal.ts";
import { verifySecretRow } from "../resolve/associated_data.ts";
import { metadataOf, type SecretMetadata, type SecretRow } from "../resolve/records.ts";
import type { Namespace, SecretRef } from "../resolve/ref.ts";
import { type DeletedPosition, findAllOfName, listDeleted } from "../store/deleted_secrets.ts";
import type { Sql } from "../store/sql.ts";
import { allow, secretNotFound } from "./access.ts";
import { entryOf, type RecordedChange, restoreChange, updateChange } from "./changes.ts";
import type { PlacesTransaction } from "./head_keeper.ts";
import { openKept } from "./kept_version.ts";
import { changedMeanwhile, changePlaces, contextOf, type PlaceTools } from "./place_changes.ts";

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

/** The longest page. */
const MAX_PAGE = 1_000;

/** Lists, restores and purges deleted secrets. */
export class Recovery {
  readonly #parts: PlaceTools;

  /** Reads nothing yet. */
  constructor(parts: PlaceTools) {
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
    return await changePlaces(this.#parts, [ref.namespace], async (transaction) => {
      await transaction.check(ref.namespace);
      const rows = await this.#rowsOf(transaction.sql, ref);
      const live = rows.find(({ deletedAt }) => deletedAt === null);
      const deleted = rows.find(({ deletedAt }) => deletedAt !== null);
      if (deleted === undefined) throw secretNotFound();
      const context = contextOf(this.#parts, principal);
      if (live === undefined) {
        return await this.#put(transaction, restoreChange(context, deleted, {}));
      }
      if (options.asVersion !== true) throw taken();
      const value = await openKept(transaction.sql, this.#parts.ring, deleted, deleted.version);
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
    return await changePlaces(this.#parts, [ref.namespace], async ({ sql, remove }) => {
      const rows = await this.#rowsOf(sql, ref);
      if (rows.length === 0) throw secretNotFound();
      const context = contextOf(this.#parts, principal);
      const entry = (row: SecretRow) => entryOf(context, "secret.purge", row);
      if (await remove(ref.namespace, rows, entry)) return rows.length;
      throw changedMeanwhile();
    });
  }

  async #rowsOf(sql: Sql, ref: SecretRef): Promise<SecretRow[]> {
    const rows = await findAllOfName(sql, ref);
    return rows.map((row) => verifySecretRow(this.#parts.ring, row));
  }

  async #put({ put }: PlacesTransaction, change: RecordedChange): Promise<SecretMetadata> {
    if (await put(change.after.namespace, [change])) return metadataOf(change.after);
    throw changedMeanwhile();
  }
}

function taken(): AppError {
  return new AppError(
    "CONFLICT",
    "There is a secret of this name again; delete it first, or restore the value as its new version",
  );
}
