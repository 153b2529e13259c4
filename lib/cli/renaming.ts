/**
 * Names of secrets that come from where there is no rule for them.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { parseSecretName } from "../resolve/ref.ts";

/**
 * The name that a secret gets here: in upper case.
 *
 * @param rename Whether a name that breaks the rule is made to fit: `_` for each character that it
 * doesn't know, and in front of a digit.
 * @returns `null` when none fits.
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fittingName } from "./renaming.ts";
 *
 * assertEquals(fittingName("api_key", false), "API_KEY");
 * assertEquals(fittingName("2nd-key", false), null);
 * assertEquals(fittingName("2nd-key", true), "_2ND_KEY");
 * ```
 */
export function fittingName(name: string, rename: boolean): string | null {
  const fitted = rename
    ? name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_").replace(/^(?=FLUXBASE_)/i, "_")
    : name;
  try {
    return parseSecretName(fitted);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}
