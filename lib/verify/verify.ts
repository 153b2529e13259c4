/**
 * The walk over everything that is authenticated.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { HeadState, VerifyPart } from "./part.ts";

/** What the walk tells, as it goes. */
export type VerifyEvent =
  | { readonly type: "problem"; readonly part: string; readonly problem: string }
  | ({ readonly type: "head" } & HeadState)
  | {
    readonly type: "part";
    readonly part: string;
    readonly checked: number;
    readonly problems: number;
  }
  | { readonly type: "end"; readonly checked: number; readonly problems: number };

/** Errors that say nothing about what is stored. */
const PASSING: readonly string[] = ["STORE_UNAVAILABLE", "SHUTTING_DOWN"];

/**
 * Walks through the parts, one after the other, as fast as what it tells is taken.
 *
 * @throws {AppError} STORE_UNAVAILABLE when the database can't be reached.
 */
export async function* verifyAll(parts: readonly VerifyPart[]): AsyncGenerator<VerifyEvent> {
  const total = { checked: 0, problems: 0 };
  for (const part of parts) {
    const counts = { checked: 0, problems: 0 };
    for await (const event of walk(part, counts)) yield event;
    total.checked += counts.checked;
    total.problems += counts.problems;
    yield { type: "part", part: part.name, ...counts };
  }
  yield { type: "end", ...total };
}

async function* walk(
  part: VerifyPart,
  counts: { checked: number; problems: number },
): AsyncGenerator<VerifyEvent> {
  try {
    for await (const finding of part.walk()) {
      if ("checked" in finding) {
        counts.checked += finding.checked;
      } else if ("head" in finding) {
        yield { type: "head", ...finding };
      } else {
        counts.problems++;
        yield { type: "problem", part: part.name, problem: finding.problem };
      }
    }
  } catch (error) {
    if (!(error instanceof AppError) || PASSING.includes(error.code)) throw error;
    counts.problems++;
    yield { type: "problem", part: part.name, problem: error.message };
  }
}

/** What `check` finds wrong, or nothing. */
export function problemsOf(check: () => void): { problem: string }[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [{ problem: error.message }];
  }
}
