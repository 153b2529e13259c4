/**
 * The answer to a write, and its text form in which it is remembered.
 *
 * @module
 */
import type { Plaintext } from "../crypto/plaintext.ts";
import { metadataOf, type SecretMetadata, type SecretRow } from "../resolve/records.ts";
import { type Surroundings, warningsOf } from "./warnings.ts";

/** What a write did. */
export interface WriteResult {
  /** The secret afterwards; of a deleted one, as it was last. */
  readonly secret: SecretMetadata;
  /** What to tell whoever wrote; mostly empty. */
  readonly warnings: readonly string[];
  /** Whether this is the remembered answer to an earlier request. */
  readonly replayed: boolean;
}

/** Makes the answer for a secret that was written, with `value` if it got one. */
export function answerOf(
  row: SecretRow,
  value: Plaintext | undefined,
  around: Surroundings,
): WriteResult {
  return { secret: metadataOf(row), warnings: warningsOf(row, value, around), replayed: false };
}

/** Writes an answer as text. */
export function answerText({ secret, warnings }: WriteResult): string {
  return JSON.stringify({ secret, warnings });
}

/** Reads an answer that was written by {@linkcode answerText} and has been authenticated since. */
export function parseAnswer(text: string): WriteResult {
  const { secret, warnings } = JSON.parse(text) as RawAnswer;
  const date = (value: string | null) => value === null ? null : new Date(value);
  return {
    secret: {
      ...secret,
      expiresAt: date(secret.expiresAt),
      createdAt: new Date(secret.createdAt),
      updatedAt: new Date(secret.updatedAt),
    },
    warnings,
    replayed: true,
  };
}

type Times = "expiresAt" | "createdAt" | "updatedAt";

/** What JSON makes of an answer. */
interface RawAnswer {
  readonly secret: Omit<SecretMetadata, Times> & {
    readonly expiresAt: string | null;
    readonly createdAt: string;
    readonly updatedAt: string;
  };
  readonly warnings: readonly string[];
}
