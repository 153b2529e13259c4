/**
 * What a refusal says.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AppError, type ErrorCode } from "../../lib/errors.ts";

/**
 * Asserts that `work` is refused with this code, in a sentence.
 *
 * @returns The error, for what else it says.
 */
export async function assertCode(
  code: ErrorCode,
  work: () => Promise<unknown>,
): Promise<AppError> {
  const error = await assertRejects(work, AppError);
  assertEquals(error.code, code, error.message);
  assertStringIncludes(error.message, " ");
  return error;
}
