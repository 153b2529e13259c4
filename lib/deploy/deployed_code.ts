/**
 * The deployed code of one kind, as every replica serves it: held in memory while it is certainly
 * current, told of changes by notification, and looked at again at least once a second.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { type Clock, FreshCache } from "../resolve/fresh_cache.ts";
import { type FunctionSettings, parseSettings } from "../runtime/code/settings.ts";
import type { Code } from "../runtime/target.ts";
import type {
  CodeKind,
  CodeVersionRow,
  DeploymentRow,
  StoredDeployment,
} from "../store/deployment_rows.ts";
import { codeRevision, loadWholeDeployments } from "../store/deployments.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import type { Sql } from "../store/sql.ts";
import type { Bundles } from "./bundles.ts";
import { labelOf, verifyDeployment } from "./rows.ts";

/** A live deployment whose rows were verified. */
export interface Deployed {
  readonly row: DeploymentRow;
  readonly version: CodeVersionRow;
  readonly settings: FunctionSettings;
}

/** Options of {@linkcode DeployedCode}. */
export interface DeployedCodeOptions {
  readonly sql: Sql;
  /** Which deployments there are. */
  readonly set: RowSetStore;
  readonly ring: KeyRing;
  readonly kind: CodeKind;
  readonly bundles: Bundles;
  /**
   * How long what is held counts as current, ms. Default 1,000, for a database that other
   * processes write to; `Infinity` when this process is the only writer.
   */
  readonly freshMs?: number;
  /** How long after its last check what is held may be used during an outage. Default 300,000 ms. */
  readonly maxStaleMs?: number;
  /** Called when the database can't be reached and what is held stands in. */
  onStale?(ageMs: number): void;
  readonly clock?: Clock;
}

/** A deployment in memory, with its code once that was asked for. */
interface Held extends Deployed {
  code: Code | undefined;
  reading: Promise<Code> | undefined;
}

/** A deployment whose rows are not as they were written. */
export interface Broken {
  readonly name: string;
  readonly namespace: string | null;
  readonly error: AppError;
}

interface Catalogue {
  readonly revision: string;
  /** By label. */
  readonly entries: ReadonlyMap<string, Held | Broken>;
}

/** Knows what is deployed, and gives its code. */
export class DeployedCode {
  readonly #options: DeployedCodeOptions;
  readonly #cache: FreshCache<Catalogue>;
  /** What was loaded last, so that code stays in memory when its neighbours change. */
  #last: Catalogue | undefined;

  constructor(options: DeployedCodeOptions) {
    this.#options = options;
    this.#cache = new FreshCache<Catalogue>({
      load: (_kind, previous) => this.#load(previous),
      validUntil: () => Infinity,
      isOutage: (error) => error instanceof AppError && error.code === "STORE_UNAVAILABLE",
      onStale: (_kind, ageMs) => options.onStale?.(ageMs),
      freshMs: options.freshMs ?? 1_000,
      maxStaleMs: options.maxStaleMs ?? 300_000,
      ...(options.clock && { clock: options.clock }),
    });
  }

  /** The current code; `null` when certainly nothing is deployed; `undefined`: ask `find`. */
  known(name: string, namespace: string | null, now?: number): Code | null | undefined {
    const catalogue = this.#cache.peek(this.#options.kind, now);
    if (catalogue === undefined) return undefined;
    const entry = catalogue.entries.get(labelOf({ name, namespace }));
    if (entry === undefined) return null;
    return "error" in entry ? undefined : entry.code;
  }

  /**
   * The current code, or `null` when nothing is deployed under this name.
   *
   * @throws {AppError} INTEGRITY_VIOLATION when a row or the code is not as it was written;
   * STORE_UNAVAILABLE when the database can't be reached and nothing valid is held.
   */
  async find(name: string, namespace: string | null): Promise<Code | null> {
    const { entries } = await this.#cache.get(this.#options.kind);
    const entry = entries.get(labelOf({ name, namespace }));
    if (entry === undefined) return null;
    if ("error" in entry) throw entry.error;
    return entry.code ?? await this.#read(entry);
  }

  /** What is deployed, sorted by namespace and name. */
  async list(): Promise<(Deployed | Broken)[]> {
    const { entries } = await this.#cache.get(this.#options.kind);
    return [...entries.values()];
  }

  /** Makes every later look-up read again. */
  invalidate(): void {
    this.#cache.invalidate(null);
  }

  /** Those who ask at the same time share one reading. */
  #read(entry: Held): Promise<Code> {
    const { version: { hash }, settings } = entry;
    entry.reading ??= this.#options.bundles.read(hash)
      .then((code) => entry.code = { code, hash, settings })
      .finally(() => entry.reading = undefined);
    return entry.reading;
  }

  async #load(previous: Catalogue | undefined): Promise<Catalogue> {
    const { sql, kind } = this.#options;
    if (previous && previous.revision === await codeRevision(sql, kind)) return previous;
    const { revision, deployments } = await loadWholeDeployments(this.#options, kind);
    const entries = deployments.map((stored): [string, Held | Broken] => {
      const label = labelOf(stored.row);
      return [label, this.#hold(stored, this.#last?.entries.get(label))];
    });
    entries.sort(([a], [b]) => a < b ? -1 : 1);
    return this.#last = { revision, entries: new Map(entries) };
  }

  #hold(stored: StoredDeployment, before: Held | Broken | undefined): Held | Broken {
    try {
      const { row, current: version } = verifyDeployment(this.#options.ring, stored);
      const same = before !== undefined && !("error" in before) &&
        before.version.hash === version.hash && before.version.settings === version.settings;
      // The very same object, so that a warm call sees by one comparison that nothing changed.
      const code = same ? before.code : undefined;
      const settings = parseSettings(version.settings);
      return { row, version, settings, code, reading: undefined };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { name: stored.row.name, namespace: stored.row.namespace, error };
    }
  }
}
