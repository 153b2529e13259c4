/**
 * Secrets and settings from elsewhere, brought in beside what is there, with their history and
 * times. What has a name that is taken is left out and told, never written over.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { actorOf } from "../audit/actor.ts";
import type { Actor } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { HeadWatch } from "../resolve/head_watch.ts";
import { NO_ABSENCES, type SecretRow, type VersionRow } from "../resolve/records.ts";
import { type Namespace, parseNamespace, parseSecretName } from "../resolve/ref.ts";
import { parseUserId, type UserId } from "../resolve/setting_ref.ts";
import { parseDescription, parseSecretValue } from "../resolve/value.ts";
import { settingEntry } from "../settings/changes.ts";
import { checkQuota } from "../settings/quota.ts";
import { insertRows } from "../store/backup_rows.ts";
import { findLive } from "../store/deleted_secrets.ts";
import { insertSetting } from "../store/settings.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import { UniqueViolation } from "../store/sql_error.ts";
import { HeadKeeper } from "../vault/head_keeper.ts";
import { allowEverything } from "./backups.ts";
import { columnsOf, sealSecret, sealSettingRow, sealVersion } from "./sealed_rows.ts";

/** A secret as it is brought in. */
export interface ImportedSecret {
  readonly name: string;
  readonly namespace: string | null;
  readonly description: string | null;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
  /** Oldest first, without a gap; the last one is served. */
  readonly versions: readonly {
    readonly version: number;
    readonly value: string;
    readonly createdAt: Date;
    readonly createdBy: string | null;
  }[];
}

/** A setting as it is brought in. */
export interface ImportedSetting {
  readonly key: string;
  /** `null` for the system's. */
  readonly userId: string | null;
  readonly description: string | null;
  readonly value: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly createdBy: string | null;
  readonly updatedBy: string | null;
}

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
        return [{ index, ...prepare(this.#parts.ring, secret) }];
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
      if (!await put(place, changes)) throw new AppError("CONFLICT", "Secrets changed meanwhile");
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
        const row = prepareSetting(this.#parts.ring, setting);
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

/** Checks everything by the rules that hold for what is set here. */
function prepare(
  ring: KeyRing,
  secret: ImportedSecret,
): { row: SecretRow; versions: VersionRow[] } {
  const { versions } = secret;
  const [first, last] = [versions[0], versions.at(-1)];
  const whole = first !== undefined && last !== undefined && first.version >= 1 &&
    versions.every(({ version }, i) => version === first.version + i);
  if (!whole) throw new AppError("INVALID_INPUT", "Versions must follow each other without a gap");
  for (const { value } of versions) parseSecretValue(value);
  const namespace = secret.namespace === null ? null : parseNamespace(secret.namespace);
  const row = sealSecret(ring, {
    id: randomUUID(),
    namespace,
    name: parseSecretName(secret.name),
    description: secret.description === null ? null : parseDescription(secret.description),
    version: last.version,
    oldest_version: first.version,
    absences: NO_ABSENCES,
    expires_at: secret.expiresAt,
    created_at: secret.createdAt,
    updated_at: secret.updatedAt,
    created_by: secret.createdBy,
    updated_by: secret.updatedBy,
    deleted_at: null,
  });
  const rows = versions.map(({ version, value, createdAt, createdBy }) =>
    sealVersion(ring, row, {
      id: randomUUID(),
      version,
      value,
      created_at: createdAt,
      created_by: createdBy,
    })
  );
  return { row, versions: rows };
}

function prepareSetting(ring: KeyRing, setting: ImportedSetting) {
  parseSecretValue(setting.value);
  const { description } = setting;
  return sealSettingRow(ring, {
    id: randomUUID(),
    key: setting.key,
    user_id: setting.userId,
    description: description === null ? null : parseDescription(description),
    revision: 1,
    value: setting.value,
    created_at: setting.createdAt,
    updated_at: setting.updatedAt,
    created_by: setting.createdBy,
    updated_by: setting.updatedBy,
  });
}

/** What breaks a rule is left out; whatever else goes wrong ends it all. */
function refusal(error: unknown): ImportResult {
  if (!(error instanceof AppError) || error.status >= 500) throw error;
  return { outcome: "refused", reason: error.message };
}
