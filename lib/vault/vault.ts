/**
 * The vault: the barrier between plaintext and store. Values go in here and don't come out.
 *
 * Each method asks for a principal and decides what it may do; each row is authenticated before
 * anything is decided by it.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { type Principal, visibility } from "../principal/principal.ts";
import { verifySecretRow, verifyVersionRow } from "../resolve/associated_data.ts";
import {
  metadataOf,
  type SecretMetadata,
  type SecretRow,
  type VersionMetadata,
} from "../resolve/records.ts";
import type { Namespace, ScopeName, SecretRef } from "../resolve/ref.ts";
import type { Sql } from "../store/sql.ts";
import { countSecrets, type SecretStats } from "../store/secret_count.ts";
import { listSecrets } from "../store/secret_list.ts";
import { versionMetadata } from "../store/secret_rows.ts";
import { listVersions, type SecretLocator } from "../store/secrets.ts";
import type { HistoryLimits } from "../store/deleted_secrets.ts";
import { purgeAnswers } from "../store/idempotency.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { allow, allowRow, secretNotFound } from "./access.ts";
import {
  createChange,
  deleteChange,
  type NewSecret,
  patchFields,
  type SecretPatch,
  updateChange,
} from "./changes.ts";
import type { WriteResult } from "./answer.ts";
import { BulkWriter } from "./bulk.ts";
import { FindQueue } from "./find_queue.ts";
import { HeadKeeper } from "./head_keeper.ts";
import { isWhole, keptVersions, openKept } from "./kept_version.ts";
import { Moments } from "./moments.ts";
import { Recovery } from "./recovery.ts";
import { purgeDeleted, trimHistories } from "./retention.ts";
import type { Surroundings } from "./warnings.ts";
import type { WriteOptions } from "./write_request.ts";
import { VaultWriter } from "./writer.ts";

export type { SecretLocator } from "../store/secrets.ts";
export type { SecretStats } from "../store/secret_count.ts";
export type { NewSecret, SecretPatch } from "./changes.ts";
export type { WriteResult } from "./answer.ts";
export type { IfMatch, WriteOptions } from "./write_request.ts";

/** What the vault tells of a change. */
export interface Invalidates {
  /** Called after a commit and before it is acknowledged; `null` means the global scope. */
  invalidate(namespace: Namespace | null): void;
  /** Called after a write whose outcome isn't known. */
  doubt(namespace: Namespace | null): void;
}

/** What a vault is made of. */
export interface VaultParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Those who hold values opened. */
  readonly resolver: Invalidates;
  /** What this process has seen of heads; shared with the resolver. */
  readonly watch?: HeadWatch;
  /** How many versions of a secret are kept, the current one among them; `null`: all. */
  readonly keepVersions?: number | null;
  /** The names that the server's own environment has; default none. */
  readonly environment?: Surroundings["environment"];
  /** The clock; default the machine's. */
  readonly now?: () => Date;
}

/** What to list. */
export interface ListRequest {
  readonly scope?: ScopeName;
  readonly namespace?: Namespace;
  /** The last secret of the page before. */
  readonly after?: SecretRef;
  /** The most secrets to return; default 1,000. */
  readonly limit?: number;
}

/** A page of a list. */
export interface SecretPage {
  readonly secrets: readonly SecretMetadata[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: SecretRef;
}

/** The longest page. */
export const MAX_PAGE = 1_000;

/** Sets, lists, rolls back and deletes secrets. */
export class Vault {
  /** Brings back what was deleted. */
  readonly recovery: Recovery;
  /** Makes places what they were. */
  readonly moments: Moments;
  /** Changes many secrets at once, all or none. */
  readonly bulk: BulkWriter;
  readonly #sql: Sql;
  readonly #ring: KeyRing;
  readonly #now: () => Date;
  readonly #keeper: HeadKeeper;
  readonly #writer: VaultWriter;
  readonly #finds: FindQueue;

  constructor(parts: VaultParts) {
    const { sql, ring, resolver, watch = new HeadWatch(), now = () => new Date() } = parts;
    const keepVersions = parts.keepVersions ?? null;
    this.#sql = sql;
    this.#ring = ring;
    this.#now = now;
    const keeper = new HeadKeeper({ sql, ring, watch });
    const shared = { sql, ring, resolver, now, keeper, keepVersions };
    this.#keeper = keeper;
    this.#finds = new FindQueue(sql);
    const environment = parts.environment ?? new Set();
    this.#writer = new VaultWriter({ ...shared, environment });
    this.recovery = new Recovery(shared);
    this.moments = new Moments(shared);
    this.bulk = new BulkWriter(shared);
  }

  /**
   * Makes a secret, at version 1.
   *
   * @throws {AppError} CONFLICT when there is one of this name in this scope.
   */
  async create(
    principal: Principal,
    ref: SecretRef,
    secret: NewSecret,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    allow(principal, "secrets:write", ref);
    return await this.#writer.insert(principal, ref, {
      fields: patchFields(secret),
      plan: (context) => ({ change: createChange(context, ref, secret), value: secret.value }),
    }, options);
  }

  /**
   * Changes a secret. A value makes a new version; description and expiry alone don't.
   *
   * @throws {AppError} SECRET_NOT_FOUND, PRECONDITION_FAILED, or INVALID_INPUT for an empty patch.
   */
  async update(
    principal: Principal,
    locator: SecretLocator,
    patch: SecretPatch,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    if (Object.values(patch).every((part) => part === undefined)) throw emptyPatch();
    return await this.#writer.replace(principal, locator, {
      operation: "update",
      action: "secrets:write",
      fields: patchFields(patch),
      plan: (context, before) => ({
        change: updateChange(context, before, patch),
        ...(patch.value !== undefined && { value: patch.value }),
      }),
    }, options);
  }

  /**
   * Makes the value of an earlier version the current one again, as a new version: it is opened
   * and sealed anew, since a sealed value is bound to its version.
   *
   * @throws {AppError} SECRET_NOT_FOUND, VERSION_NOT_FOUND or PRECONDITION_FAILED.
   */
  rollback(
    principal: Principal,
    locator: SecretLocator,
    version: number,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    return this.#writer.replace(principal, locator, {
      operation: "rollback",
      action: "secrets:rollback",
      fields: [version],
      plan: async (context, before, sql) => {
        const value = await openKept(sql, this.#ring, before, version);
        const as = { action: "secret.rollback", from: version };
        return { change: updateChange(context, before, { value }, as), value };
      },
    }, options);
  }

  /**
   * Deletes a secret. Its name is free at once; its rows are kept until
   * {@linkcode Vault.purgeDeleted}.
   *
   * @throws {AppError} SECRET_NOT_FOUND or PRECONDITION_FAILED.
   */
  delete(
    principal: Principal,
    locator: SecretLocator,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    return this.#writer.replace(principal, locator, {
      operation: "delete",
      action: "secrets:delete",
      fields: [],
      plan: (context, before) => ({ change: deleteChange(context, before) }),
    }, options);
  }

  /**
   * Everything about a secret but its value.
   *
   * @throws {AppError} SECRET_NOT_FOUND, also where the principal sees nothing.
   */
  async find(principal: Principal, locator: SecretLocator): Promise<SecretMetadata> {
    return metadataOf(await this.#find(principal, locator));
  }

  /**
   * The history of a secret, newest first.
   *
   * @throws {AppError} SECRET_NOT_FOUND, also where the principal sees nothing.
   */
  async versions(principal: Principal, locator: SecretLocator): Promise<VersionMetadata[]> {
    let secret = await this.#find(principal, locator);
    let rows = await listVersions(this.#sql, secret.id);
    if (!isWhole(secret, rows)) {
      // Written between the two looks, perhaps; then they agree the next time.
      secret = await this.#find(principal, { id: secret.id });
      rows = keptVersions(secret, await listVersions(this.#sql, secret.id));
    }
    return rows.map((row) => versionMetadata(verifyVersionRow(this.#ring, secret, row)));
  }

  /** A page of the secrets that the principal may list: global ones, then by namespace and name. */
  async list(principal: Principal, request: ListRequest = {}): Promise<SecretPage> {
    const limit = Math.min(request.limit ?? MAX_PAGE, MAX_PAGE);
    const visible = visibility(principal, "secrets:list");
    // One more than is shown tells whether there is another page.
    const rows = await listSecrets(this.#sql, { ...request, visible, limit: limit + 1 });
    const secrets = rows.slice(0, limit).map((row) => metadataOf(verifySecretRow(this.#ring, row)));
    const last = secrets.at(-1);
    if (rows.length <= limit || last === undefined) return { secrets };
    return { secrets, next: { namespace: last.namespace, name: last.name } };
  }

  /** Counts the secrets that the principal may list. */
  stats(principal: Principal): Promise<SecretStats> {
    return countSecrets(this.#sql, visibility(principal, "secrets:list"), this.#now());
  }

  /**
   * Removes for good what was deleted before `olderThan`, and forgets answers older than a day.
   *
   * @returns How many secrets were removed.
   */
  async purgeDeleted(olderThan: Date): Promise<number> {
    await purgeAnswers(this.#sql, this.#now());
    return await purgeDeleted(this.#retention(), olderThan);
  }

  /**
   * Shortens histories that are longer than is kept.
   *
   * @returns How many secrets have a shorter history.
   */
  trimHistories(limits: HistoryLimits): Promise<number> {
    return trimHistories(this.#retention(), limits);
  }

  #retention() {
    return { sql: this.#sql, ring: this.#ring, keeper: this.#keeper };
  }

  async #find(principal: Principal, locator: SecretLocator): Promise<SecretRow> {
    if (!("id" in locator)) allow(principal, "secrets:read", locator);
    const row = await this.#finds.find(locator);
    if (row === undefined) throw secretNotFound();
    verifySecretRow(this.#ring, row);
    return allowRow(principal, "secrets:read", row);
  }
}

function emptyPatch(): AppError {
  return new AppError(
    "INVALID_INPUT",
    "At least one field (value, description, or expires_at) must be provided",
  );
}
