/**
 * What goes wrong behind the scenes, told in words and not as a flood.
 *
 * While a database is away, everything that looks at the queue fails several times a second, each
 * time for the same reason.
 *
 * @module
 */
import { AppError, CATALOGUE, type ErrorCode } from "../errors.ts";

/** Told of a trouble, and of how many like it nothing was told before. */
export type TellTrouble = (what: string, error: unknown, leftOut: number) => void;

/** Of troubles that are alike, one in this time is told, ms. */
const PAUSE_MS = 60_000;

/**
 * Tells of the first of troubles that are alike at once, and of one a minute while they go on.
 *
 * @param now Milliseconds, for tests.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sparingly } from "./troubles.ts";
 *
 * const told: unknown[] = [];
 * let now = 0;
 * const onTrouble = sparingly((what, _error, leftOut) => told.push([what, leftOut]), () => now);
 * for (now = 0; now <= 60_000; now += 20_000) onTrouble("queue", new Error("gone"));
 * assertEquals(told, [["queue", 0], ["queue", 2]]);
 * ```
 */
export function sparingly(
  tell: TellTrouble,
  now: () => number = Date.now,
): (what: string, error: unknown) => void {
  const kinds = new Map<string, { at: number; leftOut: number }>();
  return (what, error) => {
    const kind = `${what} ${kindOf(error)}`;
    const last = kinds.get(kind);
    if (last !== undefined && now() - last.at < PAUSE_MS) return void last.leftOut++;
    kinds.set(kind, { at: now(), leftOut: 0 });
    tell(what, error, last?.leftOut ?? 0);
  };
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code, sqlstate } = error as { code?: unknown; sqlstate?: unknown };
  const known = [code, sqlstate].filter((each) => typeof each === "string");
  return known.join(" ") || error.name;
}

/**
 * The error behind the copy of one: pg-boss hands on the fields of an error in an object of its own,
 * of which nothing could be told but that it is an object.
 */
export function errorOf(copy: unknown): unknown {
  if (copy instanceof Error || typeof copy !== "object" || copy === null) return copy;
  const { name, message, code, sqlstate, stack } = copy as Readonly<Record<string, unknown>>;
  if (typeof message !== "string") return copy;
  const error = isErrorCode(code) ? new AppError(code, message) : new Error(message);
  if (!(error instanceof AppError)) {
    if (typeof name === "string") error.name = name;
    Object.assign(error, { code, ...(sqlstate !== undefined && { sqlstate }) });
  }
  if (typeof stack === "string") error.stack = stack;
  return error;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(CATALOGUE, code);
}
