/**
 * Which of several values wins: process environment, then namespace, then global. Pure.
 *
 * @module
 */
import { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";
import { type Namespace, parseSecretName, type SecretName } from "./ref.ts";

/** The prefix of the variables that a function sees, and of those that the server may be given. */
export const ENV_PREFIX = "FLUXBASE_SECRET_";

/** Values from the server's own environment, by secret name. */
export type EnvironmentSecrets = ReadonlyMap<SecretName, Plaintext>;

/** What precedence needs to know of a stored secret. */
export interface Candidate {
  readonly namespace: Namespace | null;
  readonly name: SecretName;
  readonly expiresAt: Date | null;
}

/** The winners for one run. */
export interface Picked<T extends Candidate> {
  /** Stored secrets to be injected, at most one for each name; none is expired. */
  readonly stored: readonly T[];
  /** Epoch milliseconds at which the first of them expires; `Infinity` when none does. */
  readonly validUntil: number;
}

/**
 * Picks the stored secrets that a run gets.
 *
 * A name that the environment has is taken by it. Otherwise the namespace's secret shadows the
 * global one, also when it has expired: an expired production value must not silently become the
 * global one, so the name is then absent.
 *
 * @param candidates Live secrets of one namespace and of the global scope, in any order.
 * @param now Epoch milliseconds.
 */
export function pick<T extends Candidate>(
  candidates: readonly T[],
  environment: { has(name: SecretName): boolean },
  now: number,
): Picked<T> {
  const winners = new Map<SecretName, T>();
  for (const candidate of candidates) {
    if (environment.has(candidate.name)) continue;
    const other = winners.get(candidate.name);
    if (other === undefined || other.namespace === null) winners.set(candidate.name, candidate);
  }
  const stored = [...winners.values()].filter((winner) => !isExpired(winner, now));
  const validUntil = stored.reduce(
    (first, { expiresAt }) => Math.min(first, expiresAt?.getTime() ?? Infinity),
    Infinity,
  );
  return { stored, validUntil };
}

/** Tells whether a secret is absent at `now` (epoch milliseconds) because of its expiry. */
export function isExpired(secret: { readonly expiresAt: Date | null }, now: number): boolean {
  return secret.expiresAt !== null && secret.expiresAt.getTime() <= now;
}

/**
 * Takes the `FLUXBASE_SECRET_…` variables out of an environment.
 *
 * @throws {AppError} CONFIG_INVALID when a name breaks the rule of secret names, or two differ in
 * case only.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { environmentSecrets } from "./precedence.ts";
 *
 * const found = environmentSecrets({ FLUXBASE_SECRET_API_KEY: "sk-1", HOME: "/root" });
 * assertEquals([...found.keys()].map(String), ["API_KEY"]);
 * ```
 */
export function environmentSecrets(env: Readonly<Record<string, string>>): EnvironmentSecrets {
  const found = new Map<SecretName, Plaintext>();
  for (const [key, value] of Object.entries(env)) {
    if (!key.startsWith(ENV_PREFIX)) continue;
    const name = environmentName(key.slice(ENV_PREFIX.length));
    if (found.has(name)) {
      throw new AppError("CONFIG_INVALID", `${ENV_PREFIX}${name} is set twice, in different case`);
    }
    found.set(name, Plaintext.fromText(value));
  }
  return found;
}

function environmentName(text: string): SecretName {
  try {
    return parseSecretName(text);
  } catch (error) {
    const rule = error instanceof AppError ? error.message : "";
    throw new AppError("CONFIG_INVALID", `A variable ${ENV_PREFIX}… has a bad name: ${rule}`);
  }
}
