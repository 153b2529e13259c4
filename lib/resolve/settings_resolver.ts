/**
 * Resolves settings: the system's and those of one user, opened, as of now.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { type Clock, FreshCache } from "./fresh_cache.ts";
import { buildSettings, type ResolvedSettings } from "./resolved_settings.ts";
import { RevisionWatch } from "./revision_watch.ts";
import { settingName, type UserId } from "./setting_ref.ts";
import { describeSetting, openSetting, type SettingRow, verifySettingRow } from "./setting_rows.ts";

/** Where stored settings come from. */
export interface SettingStore {
  /** Every setting of a user, or of the system (`null`). */
  load(userId: UserId | null): Promise<readonly SettingRow[]>;
  /** What {@linkcode settingsRevision} makes of them, without reading them. */
  revision(userId: UserId | null): Promise<string>;
}

/** Differs whenever a setting does: SHA-256 of their MACs, by id, since those cover every column. */
export function settingsRevision(rows: readonly SettingRow[]): string {
  const hash = createHash("sha256");
  for (const { mac } of [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))) hash.update(mac);
  return hash.digest("hex");
}

/** Options of a {@linkcode SettingsResolver}. */
export interface SettingsResolverOptions {
  /**
   * How long settings count as current after a check began, in ms. Default 1,000, for a database
   * that other processes write to; `Infinity` when this process is the only writer.
   */
  freshMs?: number;
  /** How long after their last check they may be used during an outage. Default 300,000 ms. */
  maxStaleMs?: number;
  /** How many users are held. Default 1,000; the least recently used goes first. */
  maxUsers?: number;
  /** Called when the store can't be reached and settings of `ageMs` stand in. */
  onStale?(ageMs: number): void;
  clock?: Clock;
}

interface Held {
  readonly revision: string;
  readonly settings: ResolvedSettings;
}

/** No user's id is the empty text, so it stands for the system. */
const SYSTEM = "";

/** Resolves settings, and keeps them while they are certainly current. */
export class SettingsResolver {
  readonly #store: SettingStore;
  readonly #ring: KeyRing;
  readonly #watch = new RevisionWatch();
  readonly #cache: FreshCache<Held>;

  constructor(store: SettingStore, ring: KeyRing, options: SettingsResolverOptions = {}) {
    this.#store = store;
    this.#ring = ring;
    this.#cache = new FreshCache<Held>({
      load: (key, previous) => this.#load(key === SYSTEM ? null : key as UserId, previous),
      validUntil: () => Infinity,
      isOutage: (error) => error instanceof AppError && error.code === "STORE_UNAVAILABLE",
      onStale: (_key, ageMs) => options.onStale?.(ageMs),
      freshMs: options.freshMs ?? 1_000,
      maxStaleMs: options.maxStaleMs ?? 300_000,
      max: (options.maxUsers ?? 1_000) + 1,
      ...(options.clock && { clock: options.clock }),
    });
  }

  /** The settings of a user, or of the system, if they are certainly current; never waits. */
  cached(userId: UserId | null, now?: number): ResolvedSettings | undefined {
    return this.#cache.peek(userId ?? SYSTEM, now)?.settings;
  }

  /**
   * The settings of a user, or of the system (`null`).
   *
   * @throws {AppError} STORE_UNAVAILABLE when the store can't be reached and nothing is held.
   * @throws {AppError} SECRET_UNREADABLE or INTEGRITY_VIOLATION when one of them is not as it was
   * written: a run never goes without it.
   */
  async resolve(userId: UserId | null): Promise<ResolvedSettings> {
    return (await this.#cache.get(userId ?? SYSTEM)).settings;
  }

  /**
   * Makes every later call read again. Called after a commit and before it is acknowledged, and
   * when another process tells of one.
   *
   * @param userId Whose settings changed, `null` for the system's.
   */
  invalidate(userId: UserId | null): void {
    this.#cache.invalidate(userId ?? SYSTEM);
  }

  /** Has every later call look for a change first: a write ended in an error. */
  doubt(userId: UserId | null): void {
    this.#cache.doubt(userId ?? SYSTEM);
  }

  /** As {@linkcode doubt}, whoever's settings it is about: news was missed. */
  doubtAll(): void {
    this.#cache.doubt(null);
  }

  async #load(userId: UserId | null, previous: Held | undefined): Promise<Held> {
    if (previous && previous.revision === await this.#store.revision(userId)) return previous;
    const oldOf = this.#watch.begin<SettingRow>(userId ?? SYSTEM);
    const rows = await this.#store.load(userId);
    for (const row of rows) verifySettingRow(this.#ring, row);
    const old = oldOf(rows);
    if (old !== undefined) throw putBack(old);
    return { revision: settingsRevision(rows), settings: this.#open(rows, userId) };
  }

  #open(rows: readonly SettingRow[], userId: UserId | null): ResolvedSettings {
    return buildSettings(rows.map((row) => {
      if (row.userId !== userId) throw new TypeError("The store gave another user's setting");
      const { scope, revision: version } = row;
      return { name: settingName(row.key), scope, version, value: openSetting(this.#ring, row) };
    }));
  }
}

function putBack(row: SettingRow): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `Row of ${describeSetting(row)} is older than what was read from there before`,
  );
}
