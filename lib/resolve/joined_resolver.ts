/**
 * What a run gets, whoever calls: the secrets of its namespace and the system's settings.
 *
 * @module
 */
import { type Injection, withSystemSettings } from "./injection.ts";
import type { Namespace } from "./ref.ts";
import type { ResolvedSettings } from "./resolved_settings.ts";

/** Where secrets come from; the resolver. */
export interface SecretValues {
  cached(namespace: Namespace | null, now?: number): Injection | undefined;
  resolve(namespace: Namespace | null): Promise<Injection>;
}

/** Where the system's settings come from; the resolver of settings. */
export interface SystemSettings {
  cached(userId: null, now?: number): ResolvedSettings | undefined;
  resolve(userId: null): Promise<ResolvedSettings>;
}

/** Joins the two, once for each pair of them. */
export class JoinedResolver implements SecretValues {
  readonly #secrets: SecretValues;
  readonly #settings: SystemSettings;
  readonly #joined = new WeakMap<Injection, Injection>();

  constructor(secrets: SecretValues, settings: SystemSettings) {
    this.#secrets = secrets;
    this.#settings = settings;
  }

  /** What a run in `namespace` gets, if that is certainly current; never waits. */
  cached(namespace: Namespace | null, now?: number): Injection | undefined {
    const injection = this.#secrets.cached(namespace, now);
    const system = this.#settings.cached(null, now);
    return injection && system && this.#join(injection, system);
  }

  /**
   * What a run in `namespace` (`null`: in none) gets.
   *
   * @throws {AppError} What the two resolvers throw: a run never goes without what it should get.
   */
  async resolve(namespace: Namespace | null): Promise<Injection> {
    const [injection, system] = await Promise.all([
      this.#secrets.resolve(namespace),
      this.#settings.resolve(null),
    ]);
    return this.#join(injection, system);
  }

  #join(injection: Injection, system: ResolvedSettings): Injection {
    if (system === injection.system) return injection;
    const known = this.#joined.get(injection);
    if (known?.system === system) return known;
    const joined = withSystemSettings(injection, system);
    this.#joined.set(injection, joined);
    return joined;
  }
}
