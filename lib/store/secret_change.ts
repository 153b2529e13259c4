/**
 * A change of a secret, ready to be stored.
 *
 * @module
 */
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import type { RememberedAnswer } from "./idempotency.ts";

/** The channel on which every write tells its namespace; `""` means the global scope. */
export const SECRETS_CHANNEL = "fluxbase_secrets";

/** A change of a secret. */
export interface SecretChange {
  /** The row as it was read, or `undefined` for a new secret. */
  readonly before: SecretRow | undefined;
  readonly after: SecretRow;
  /** The version that comes with it, if the value changes. */
  readonly version?: VersionRow;
  /** The answer to remember for a repeated request. */
  readonly answer?: RememberedAnswer;
}
