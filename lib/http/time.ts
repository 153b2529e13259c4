/**
 * Times in bodies.
 *
 * @module
 */
import { AppError } from "../errors.ts";

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/**
 * Reads an RFC 3339 time.
 *
 * @throws {AppError} INVALID_REQUEST_BODY naming the field.
 */
export function parseTime(input: string, field: string): Date {
  try {
    // Temporal refuses days that a month doesn't have; Date would roll them over.
    if (TIME.test(input)) return new Date(Temporal.Instant.from(input).epochMilliseconds);
  } catch {
    // The rule is told below.
  }
  throw new AppError(
    "INVALID_REQUEST_BODY",
    `Invalid request body: ${field} must be an RFC 3339 time, such as 2030-12-31T00:00:00Z`,
  );
}
