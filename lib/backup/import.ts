/**
 * Secrets and settings from elsewhere, brought in beside what is there, with their history and
 * times. What has a name that is taken is left out and told, never written over.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { Actor } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { parseUserId, type UserId } from "../resolve/setting_ref.ts";
import { settingEntry } from "../settings/changes.ts";
import { checkQuota } from "../settings/quota.ts";
import { insertRows } from "../store/backup_rows.ts";
import { findLive } from "../store/deleted_secrets.ts";
import { insertSetting } from "../store/settings.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { HeadKeeper } from "../vault/head_keeper.ts";
import { changedMeanwhile } from "../vault/place_changes.ts";
import { allowEverything } from "./backups.ts";
import {
  type ImportedSecret,
  type ImportedSetting,
  sealImportedSecret,
  sealImportedSetting,
} from "./imported_rows.ts";
import { columnsOf } from "./sealed_rows.ts";

/** What became of one. */
export interface ImportResult {
  readonly outcome: "imported" | "exists" | "refused";
  /** Which rule it breaks. */
  readonly reason?: string;
}

/** What an importer is made of. */
export interface ImporterParts {
  /** Which settings there are. */
  readonly settings: RowSetStore;
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly watch: HeadWatch;
  readonly onSecrets: (place: Namespace | null) => void;
  readonly onSettings: (userId: UserId | null) => void;
}

/** A checked secret. */
interface Prepared {
  readonly index: number;
  readonly row: SecretRow;
  readonly versions: readonly VersionRow[];
}

const IMPORTED: ImportResult = { outcome: "imported" };
const IMPORT = { action: "secret.create", detail: { imported: true } };
const EXISTS: ImportResult = { outcome: "exists" };

/** Brings secrets and settings in. */
export class Importer {
  readonly #parts: ImporterParts;
  readonly #keeper: HeadKeeper;

  /** Writes nothing yet. */
  constructor(parts: ImporterParts) {
    this.#parts = parts;
    this.#keeper = new HeadKeeper(parts);
  }

  /**
   * Brings secrets in: those that can be, in one transaction.
   *
   * @param options.dryRun Only tells what would become of them.
   * @throws {AppError} ACCESS_DENIED
   */
  async secrets(
    principal: Principal,
    secrets: readonly ImportedSecret[],
    options: { readonly dryRun: boolean },
  ): Promise<ImportResult[]> {
    allowEverything(principal);
    const results = new Array<ImportResult>(secrets.length).fill(IMPORTED);
    const prepared = secrets.flatMap((secret, index): Prepared[] => {
      try {
        return [{ index, ...sealImportedSecret(this.#parts.ring, secret) }];
      } catch (error) {
        results[index] = refusal(error);
        return [];
      }
    });
    const groups = Map.groupBy(prepared, ({ row }) => row.namespace);
    for (const [place, group] of groups) {
      if (options.dryRun) await this.#fresh(this.#parts.sql, place, group, results);
      else await this.#store(place, group, results, actorOf(principal));
    }
    return results;
  }

  /**
   * Brings settings in, each for itself.
   *
   * @param options.dryRun Only tells what would become of them.
   * @throws {AppError} ACCESS_DENIED
   */
  async settings(
    principal: Principal,
    settings: readonly ImportedSetting[],
    options: { readonly dryRun: boolean },
  ): Promise<ImportResult[]> {
    allowEverything(principal);
    const results: ImportResult[] = [];
    const how = { ...options, actor: actorOf(principal) };
    for (const setting of settings) results.push(await this.#setting(setting, how));
    return results;
  }

  async #store(
    place: Namespace | null,
    group: readonly Prepared[],
    results: ImportResult[],
    actor: Actor,
  ): Promise<void> {
    await this.#keeper.transact([place], async ({ sql, put }) => {
      const fresh = await this.#fresh(sql, place, group, results);
      if (fresh.length === 0) return;
      const changes = fresh.map(({ row }) => ({
        before: undefined,
        after: row,
        entry: { ...IMPORT, actor, namespace: place, name: row.name, version: row.version },
      }));
      if (!await put(place, changes)) throw changedMeanwhile();
      const versions = fresh.flatMap(({ versions }) => versions.map(columnsOf));
      await insertRows(sql, "functions.secret_versions", versions);
    }).finally(() => this.#parts.onSecrets(place));
  }

  /** Those whose names are free, each name once. */
  async #fresh(
    sql: Sql,
    place: Namespace | null,
    group: readonly Prepared[],
    results: ImportResult[],
  ): Promise<Prepared[]> {
    const live = await findLive(sql, place, group.map(({ row }) => row.name));
    const taken = new Set<string>(live.map(({ name }) => name));
    return group.filter(({ index, row: { name } }) => {
      const isTaken = taken.has(name);
      taken.add(name);
      if (isTaken) results[index] = EXISTS;
      return !isTaken;
    });
  }

  async #setting(
    setting: ImportedSetting,
    { dryRun, actor }: { readonly dryRun: boolean; readonly actor: Actor },
  ): Promise<ImportResult> {
    try {
      const { sql, settings } = this.#parts;
      await settings.transact(sql, async (tx, change) => {
        const row = sealImportedSetting(this.#parts.ring, setting);
        await checkQuota(tx, row);
        await insertSetting(tx, row);
        const by = { actor, now: new Date() };
        await change([{ after: row }], settingEntry(by, "setting.create", row));
        if (dryRun) throw new DryRun();
      });
      this.#parts.onSettings(setting.userId === null ? null : parseUserId(setting.userId));
      return IMPORTED;
    } catch (error) {
      if (error instanceof DryRun) return IMPORTED;
      if (error instanceof UniqueViolation) return EXISTS;
      return refusal(error);
    }
  }
}

/** Rolls back what would have been stored. */
class DryRun extends Error {}

/** What breaks a rule is left out; whatever else goes wrong ends it all. */
function refusal(error: unknown): ImportResult {
  if (!(error instanceof AppError) || error.status >= 500) throw error;
  return { outcome: "refused", reason: error.message };
}
