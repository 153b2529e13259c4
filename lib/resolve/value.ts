/**
 * The rules of what may be stored, checked once at the edge.
 *
 * @module
 */
import { Plaintext } from "../crypto/plaintext.ts";
import { AppError } from "../errors.ts";

/** The longest value, in bytes of UTF-8. */
export const MAX_VALUE_BYTES = 64 * 1_024;
/** The longest description, in characters. */
export const MAX_DESCRIPTION_LENGTH = 1_024;

/**
 * Parses a secret's value: 1 byte to 64 KiB of well-formed text without NUL, which no environment
 * variable can hold.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken, never the value.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSecretValue } from "./value.ts";
 *
 * assertEquals(parseSecretValue("hunter2").byteLength, 7);
 * ```
 */
export function parseSecretValue(text: string): Plaintext {
  if (text.includes("\0")) throw new AppError("INVALID_INPUT", "Value must not contain NUL");
  // A text has at least as many bytes as UTF-16 units, so this bounds the work that follows.
  if (text.length > MAX_VALUE_BYTES) throw tooLong();
  const value = Plaintext.fromText(text);
  if (value.byteLength === 0) throw new AppError("INVALID_INPUT", "Value must not be empty");
  if (value.byteLength > MAX_VALUE_BYTES) throw tooLong();
  return value;
}

/**
 * Parses a description: at most 1,024 characters of well-formed text without NUL.
 *
 * @throws {AppError} INVALID_INPUT with the rule that is broken.
 */
export function parseDescription(text: string): string {
  if (text.length > MAX_DESCRIPTION_LENGTH) {
    throw new AppError(
      "INVALID_INPUT",
      `Description must be at most ${MAX_DESCRIPTION_LENGTH} characters`,
    );
  }
  if (text.includes("\0")) throw new AppError("INVALID_INPUT", "Description must not contain NUL");
  if (!text.isWellFormed()) {
    throw new AppError("INVALID_INPUT", "Description must be well-formed Unicode");
  }
  return text;
}

function tooLong(): AppError {
  return new AppError("INVALID_INPUT", `Value must be at most ${MAX_VALUE_BYTES} bytes of UTF-8`);
}
