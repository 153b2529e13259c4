/**
 * Warnings in the answer to a write: told on stderr, and left out of the data.
 *
 * @module
 */
import { printable } from "./layout.ts";
import type { Context } from "./table.ts";

/** The answer to a write. */
export type Written<T> = T & { readonly warnings?: readonly string[] };

/** Tells the warnings and returns the rest of the answer. */
export function withoutWarnings<T>(context: Context, answer: Written<T>): Omit<T, "warnings"> {
  const { warnings, ...rest } = answer;
  for (const warning of warnings ?? []) context.io.note(`Warning: ${printable(warning)}`);
  return rest;
}
