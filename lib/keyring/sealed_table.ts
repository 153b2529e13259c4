/**
 * Tables with something made by keys of the ring: each room that has one says what uses a key in it
 * and how its rows are made anew under the newest ones.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import type { AuditEntry } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { KeyPurpose } from "../crypto/wrap.ts";
import { AppError } from "../errors.ts";
import type { SetRow } from "../resolve/head.ts";
import { findStale, type KeyColumn, storeRenewed } from "../store/renewal.ts";
import type { ChangeSet, RowSetStore } from "../store/row_sets.ts";
import type { Row, Sql } from "../store/sql.ts";

/** With what rows are made anew. */
export interface RenewalTools {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Lets others run, if it is time; to be awaited after each row. */
  breathe(): Promise<void>;
}

/** What became of a batch. */
export interface RenewedBatch {
  /** Rows that are stored anew. */
  readonly done: number;
  /** Rows that somebody else changed meanwhile; they are looked at again. */
  readonly lost: number;
  /** Rows that are not as they were written, and stay as they are. */
  readonly damaged: number;
  /** Where the next batch begins; `null` after the last one. */
  readonly next: string | null;
}

/** A table of the registry. */
export interface SealedTable {
  /** With its schema, such as `functions.secrets`. */
  readonly table: string;
  readonly columns: readonly KeyColumn[];
  /**
   * Makes a batch of rows anew, from `after` on. Left out where rows can't be, or needn't, since they
   * go by themselves.
   *
   * @param after What the batch before returned; {@linkcode TABLE_START} at first.
   */
  renew?(tools: RenewalTools, after: string): Promise<RenewedBatch>;
  /** How its rows are checked one by one; left out where one alone can't be. */
  readonly check?: RowCheck;
}

/** How rows of a table are read and checked. */
export interface RowCheck {
  /** The columns to read of `t`, and of what `join` joins. */
  readonly select: string;
  readonly join?: string | undefined;
  readonly large?: string | undefined;
  /** @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE for a row that is not as written. */
  row(ring: KeyRing, row: Row): void;
}

/** The most rows of a batch. */
export const BATCH = 200;

/** New bytes by column. */
export type NewBytes = Readonly<Record<string, Uint8Array>> & { readonly mac: Uint8Array };

/** A table whose rows carry everything that is needed to make them anew. */
export interface RowRecipe<R extends SetRow> {
  readonly table: string;
  readonly columns: readonly KeyColumn[];
  /** The columns to read of `t`, and of what `join` joins. */
  readonly select: string;
  readonly join?: string;
  /** The column by which batches are bounded in bytes. */
  readonly large?: string;
  /** The authenticated set that the rows are in, if they are. */
  readonly set?: { transact: RowSetStore["transact"] };
  read(row: Row): R;
  /**
   * The new bytes by column; the same columns for each row. Must check the row first: what isn't
   * genuine must not become so.
   *
   * @throws {AppError} INTEGRITY_VIOLATION or SECRET_UNREADABLE for a row that is not as written.
   */
  renew(ring: KeyRing, row: R): NewBytes;
}

/** Makes the entry of such a table. */
export function sealedTable<R extends SetRow>(
  recipe: RowRecipe<R>,
): SealedTable {
  const { table, columns, set, select, join, large } = recipe;
  return {
    table,
    columns,
    // Whoever makes a row anew checks it first.
    check: { select, join, large, row: (ring, row) => void recipe.renew(ring, recipe.read(row)) },
    renew: (tools, after) =>
      set === undefined
        ? renewBatch(recipe, tools, after)
        : set.transact(tools.sql, (sql, change) =>
          renewBatch(recipe, { ...tools, sql }, after, change)),
  };
}

async function renewBatch<R extends SetRow>(
  recipe: RowRecipe<R>,
  { sql, ring, breathe }: RenewalTools,
  after: string,
  change?: ChangeSet,
): Promise<RenewedBatch> {
  const { table } = recipe;
  const columns = recipe.columns.filter(isRenewable);
  const primaries = columns.map(({ purpose }) => ring.primaryId(purpose));
  const { rows, next } = await findStale(sql, { ...recipe, columns }, primaries, after, BATCH);
  const renewed = [];
  for (const raw of rows) {
    const row = recipe.read(raw);
    const values = unlessDamaged(() => recipe.renew(ring, row));
    const { mac: before, deletedAt = null } = row;
    if (values !== null) renewed.push({ at: raw.at, before, deletedAt, values });
    await breathe();
  }
  const stored = await storeRenewed(sql, table, renewed);
  await change?.(
    stored.map(({ before, deletedAt, values }) => ({
      before: { mac: before, deletedAt },
      after: { mac: values.mac, deletedAt },
    })),
    { ...renewalEntry(table), count: stored.length },
  );
  const lost = renewed.length - stored.length;
  return { done: stored.length, lost, damaged: rows.length - renewed.length, next };
}

/** What is recorded when rows of `table` are made anew; one record stands for a batch. */
export function renewalEntry(table: string): AuditEntry {
  return { action: "keyring.renew", actor: SYSTEM, detail: { table } };
}

/** What `renew` returns, or `null` for a row that is not as it was written. */
export function unlessDamaged<T>(renew: () => T): T | null {
  try {
    return renew();
  } catch (error) {
    const damaged = error instanceof AppError &&
      (error.code === "INTEGRITY_VIOLATION" || error.code === "SECRET_UNREADABLE");
    if (damaged) return null;
    throw error;
  }
}

/** A token's MAC can only be made anew with the token, and a fingerprint with the request. */
export function isRenewable({ purpose }: { readonly purpose: KeyPurpose }): boolean {
  return purpose === "value" || purpose === "row";
}
