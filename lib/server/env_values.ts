/**
 * Values of environment variables, checked.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** A value that is empty counts as not set, as an unset variable in a compose file is. */
export function text(env: Environment, name: string): string | null {
  return env[name]?.trim() || null;
}

/**
 * Hosts, `host:port` or CIDR ranges, comma-separated.
 *
 * @throws {AppError} CONFIG_INVALID
 */
export function hosts(env: Environment, name: string): string[] | null {
  const items = text(env, name)?.split(",").map((item) => item.trim()) ?? null;
  if (items?.some((item) => !/^[\w.:*[\]/-]+$/.test(item))) {
    throw invalid(name, "must be hosts, host:port or CIDR ranges, comma-separated");
  }
  return items;
}

/**
 * A whole number.
 *
 * @throws {AppError} CONFIG_INVALID when it is none from `min` to `max`.
 */
export function integer(
  env: Environment,
  name: string,
  fallback: number,
  min: number,
  max: number,
) {
  const given = text(env, name);
  if (given === null) return fallback;
  const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (value >= min && value <= max) return value;
  throw invalid(name, `must be a whole number from ${min} to ${max}`);
}

/**
 * One of `choices`, of which the first is the default.
 *
 * @throws {AppError} CONFIG_INVALID
 */
export function choice<const T extends string>(
  env: Environment,
  name: string,
  choices: readonly T[],
): T {
  const given = text(env, name) ?? choices[0];
  const found = choices.find((value) => value === given);
  if (found === undefined) throw invalid(name, `must be one of: ${choices.join(", ")}`);
  return found;
}

/** The error for a variable that breaks `rule`; it never shows the value. */
export function invalid(name: string, rule: string): AppError {
  return new AppError("CONFIG_INVALID", `${name} ${rule}`);
}
