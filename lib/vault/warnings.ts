/**
 * What to tell whoever wrote a value that was taken, and is probably not what they meant.
 *
 * @module
 */
import type { Plaintext } from "../crypto/plaintext.ts";
import { ENV_PREFIX, isExpired } from "../resolve/precedence.ts";
import type { SecretRow } from "../resolve/records.ts";
import type { SecretName } from "../resolve/ref.ts";
import { isMaskable, MIN_MASKED_LENGTH } from "../runtime/mask/parts.ts";

/** Whether a written value is served depends on these. */
export interface Surroundings {
  readonly now: Date;
  /** The names that the server's own environment has. */
  readonly environment: { has(name: SecretName): boolean };
}

/** What to tell whoever wrote a secret, with `value` if it got one. */
export function warningsOf(
  row: Pick<SecretRow, "name" | "expiresAt" | "deletedAt">,
  value: Plaintext | undefined,
  { now, environment }: Surroundings,
): string[] {
  const warnings = warningsAbout(value);
  if (row.deletedAt !== null) return warnings;
  if (isExpired(row, now.getTime())) {
    const time = row.expiresAt?.toISOString();
    warnings.push(`It expired at ${time} and is served to nothing until it gets another expiry`);
  }
  if (environment.has(row.name)) {
    warnings.push(`The server's environment has ${ENV_PREFIX}${row.name}, which is served instead`);
  }
  return warnings;
}

/** What to tell whoever set `value`, wherever it is kept. */
export function warningsAbout(value: Plaintext | undefined): string[] {
  if (value === undefined) return [];
  const text = value.reveal();
  const warnings: string[] = [];
  if (!isMaskable(text)) {
    warnings.push(`Values under ${MIN_MASKED_LENGTH} characters cannot be masked in logs`);
  }
  if (hasStrayEnds(text)) {
    warnings.push("The value begins or ends with a space or a line break, which is kept");
  }
  return warnings;
}

/** A text of several lines, such as a PEM file, is meant to end with a line break. */
function hasStrayEnds(text: string): boolean {
  const inner = text.trim();
  return inner !== text && !/[\r\n]/.test(inner);
}
