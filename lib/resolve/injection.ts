/**
 * What one run gets: the exact variables, where each comes from, and a digest of them all.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Plaintext } from "../crypto/plaintext.ts";
import { ENV_PREFIX } from "./precedence.ts";
import type { SecretName } from "./ref.ts";
import {
  digestValues,
  narrowSettings,
  NO_SETTING_VALUES,
  type ResolvedSettings,
  type SettingSource,
} from "./resolved_settings.ts";
import type { SettingName } from "./setting_ref.ts";

/** Where an injected value comes from. */
export interface InjectionSource {
  readonly name: SecretName;
  readonly scope: "environment" | "namespace" | "global";
  /** The stored version; `null` for a value of the server's environment. */
  readonly version: number | null;
}

/** Where any value that a run gets comes from. */
export type ValueSource = InjectionSource | SettingSource;

/** The values that one run gets. */
export interface Injection {
  /** `FLUXBASE_SECRET_<NAME>` → value. */
  readonly env: ReadonlyMap<string, Plaintext>;
  /** The system's settings. Those of users are no part of it: they come with each call. */
  readonly system: ResolvedSettings;
  /**
   * HMACs over names and values under keys of this process: equal exactly when `env` and `system`
   * are equal, and of no use to anybody who reads them elsewhere.
   */
  readonly digest: string;
  /** One entry for each variable, sorted by name. */
  readonly sources: readonly InjectionSource[];
  /** Epoch milliseconds from which on one of the values has expired; `Infinity` when none does. */
  readonly validUntil: number;
}

/** A value together with its origin. */
export interface InjectionPart extends InjectionSource {
  readonly value: Plaintext;
}

const DIGEST_KEY = randomBytes(32);

/**
 * Builds the injection of `parts`, which have distinct names.
 *
 * @param validUntil Epoch milliseconds, or `Infinity`.
 */
export function buildInjection(parts: readonly InjectionPart[], validUntil: number): Injection {
  const sorted = [...parts].sort((a, b) => (a.name < b.name ? -1 : 1));
  const env = new Map(sorted.map((part) => [ENV_PREFIX + part.name, part.value]));
  const sources = sorted.map(({ name, scope, version }) => ({ name, scope, version }));
  const digest = digestValues(DIGEST_KEY, sorted);
  return { env, system: NO_SETTING_VALUES, digest, sources, validUntil };
}

/** Where everything comes from that a run gets for a user, in the order in which it is looked up. */
export function sourcesOf(
  { sources, system }: Injection,
  user: ResolvedSettings,
): readonly ValueSource[] {
  if (system.sources.length + user.sources.length === 0) return sources;
  return [...sources, ...user.sources, ...system.sources];
}

/** The same injection with the system's settings. */
export function withSystemSettings(injection: Injection, system: ResolvedSettings): Injection {
  if (system === injection.system) return injection;
  const [own] = injection.digest.split(".");
  return { ...injection, system, digest: system.digest === "" ? own! : `${own}.${system.digest}` };
}

/**
 * The part of an injection whose names `keep` lets by. Its digest is of that part alone: a change of
 * what it leaves out doesn't change it.
 */
export function narrowInjection(
  injection: Injection,
  keep: (name: SecretName | SettingName) => boolean,
): Injection {
  const parts = injection.sources.flatMap((source): InjectionPart[] => {
    const value = injection.env.get(ENV_PREFIX + source.name);
    return value !== undefined && keep(source.name) ? [{ ...source, value }] : [];
  });
  const secrets = buildInjection(parts, injection.validUntil);
  return withSystemSettings(secrets, narrowSettings(injection.system, keep));
}
