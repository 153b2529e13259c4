/**
 * Settings as a run gets them: by the names that user code uses, with a digest of them all.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Plaintext } from "../crypto/plaintext.ts";
import type { SettingName, SettingScope } from "./setting_ref.ts";

/** Where a setting that a run gets comes from. */
export interface SettingSource {
  readonly name: SettingName;
  readonly scope: SettingScope;
  /** The stored revision. */
  readonly version: number;
}

/** A setting's value together with its origin. */
export interface SettingPart extends SettingSource {
  readonly value: Plaintext;
}

/** The settings of one user, or of the system, that a run gets. */
export interface ResolvedSettings {
  readonly values: ReadonlyMap<SettingName, Plaintext>;
  /**
   * Hex HMAC over names and values under a key of this process, empty when there are none: equal
   * exactly when they are, and of no use to anybody who reads it elsewhere.
   */
  readonly digest: string;
  /** One entry for each value, sorted by name. */
  readonly sources: readonly SettingSource[];
}

/** Nobody's settings. */
export const NO_SETTING_VALUES: ResolvedSettings = Object.freeze({
  values: new Map<SettingName, Plaintext>(),
  digest: "",
  sources: [],
});

const DIGEST_KEY = randomBytes(32);

/** Builds what a run gets of `parts`, which have distinct names. */
export function buildSettings(parts: readonly SettingPart[]): ResolvedSettings {
  if (parts.length === 0) return NO_SETTING_VALUES;
  const sorted = [...parts].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    values: new Map(sorted.map(({ name, value }) => [name, value])),
    digest: digestValues(DIGEST_KEY, sorted),
    sources: sorted.map(({ name, scope, version }) => ({ name, scope, version })),
  };
}

/** The part of `settings` whose names `keep` lets by. */
export function narrowSettings(
  settings: ResolvedSettings,
  keep: (name: SettingName) => boolean,
): ResolvedSettings {
  const kept = settings.sources.filter(({ name }) => keep(name));
  if (kept.length === settings.sources.length) return settings;
  return buildSettings(
    kept.map((source) => ({ ...source, value: settings.values.get(source.name)! })),
  );
}

/**
 * Hex HMAC-SHA256 over names and values.
 *
 * @param sorted By name, so that equal sets have equal digests.
 */
export function digestValues(
  key: Uint8Array,
  sorted: Iterable<{ readonly name: string; readonly value: Plaintext }>,
): string {
  const hmac = createHmac("sha256", key);
  for (const { name, value } of sorted) {
    // The length stands between name and value, so no two maps run together to the same bytes.
    hmac.update(`${name}=${value.byteLength}:`).update(value.revealBytes());
  }
  return hmac.digest("hex");
}
