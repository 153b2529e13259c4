/**
 * What one run gets: the exact variables, where each comes from, and a digest of them all.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Plaintext } from "../crypto/plaintext.ts";
import { ENV_PREFIX } from "./precedence.ts";
import type { SecretName } from "./ref.ts";

/** Where an injected value comes from. */
export interface InjectionSource {
  readonly name: SecretName;
  readonly scope: "environment" | "namespace" | "global";
  /** The stored version; `null` for a value of the server's environment. */
  readonly version: number | null;
}

/** The values that one run gets. */
export interface Injection {
  /** `FLUXBASE_SECRET_<NAME>` → value. */
  readonly env: ReadonlyMap<string, Plaintext>;
  /**
   * Hex HMAC over names and values under a key of this process: equal exactly when `env` is equal,
   * and of no use to anybody who reads it elsewhere.
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
  return { env, digest: digestOf(sorted), sources, validUntil };
}

/**
 * The part of an injection whose names `keep` lets by. Its digest is of that part alone: a change of
 * what it leaves out doesn't change it.
 */
export function narrowInjection(
  injection: Injection,
  keep: (name: SecretName) => boolean,
): Injection {
  const parts = injection.sources.flatMap((source): InjectionPart[] => {
    const value = injection.env.get(ENV_PREFIX + source.name);
    return value !== undefined && keep(source.name) ? [{ ...source, value }] : [];
  });
  return buildInjection(parts, injection.validUntil);
}

function digestOf(sorted: readonly InjectionPart[]): string {
  const hmac = createHmac("sha256", DIGEST_KEY);
  for (const { name, value } of sorted) {
    // The length stands between name and value, so no two maps run together to the same bytes.
    hmac.update(`${name}=${value.byteLength}:`).update(value.revealBytes());
  }
  return hmac.digest("hex");
}
