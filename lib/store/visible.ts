/**
 * Conditions of lists: what may be seen, and what is asked for.
 *
 * @module
 */
import { MATCHES_ALL } from "../principal/glob.ts";
import type { Visibility } from "../principal/principal.ts";
import type { SqlValue } from "./sql.ts";

/** Collects conditions and their parameters, so that no text is ever spliced into a statement. */
export class Where {
  readonly values: SqlValue[] = [];
  readonly #terms: string[] = [];

  /** The parameter for a value. */
  bind(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }

  /** Adds a condition. */
  and(term: string): void {
    this.#terms.push(`(${term})`);
  }

  /** Adds what may be seen of the rows of the table with this alias. */
  andVisible(alias: string, parts: readonly Visibility[]): void {
    const terms = parts.map((part) => this.#visible(alias, part));
    this.and(terms.length === 0 ? "false" : terms.join(" or "));
  }

  toString(): string {
    return this.#terms.length === 0 ? "true" : this.#terms.join(" and ");
  }

  #visible(alias: string, part: Visibility): string {
    const scopes = part.global ? [`${alias}.namespace is null`] : [];
    if (part.namespaces !== null) scopes.push(this.#matches(`${alias}.namespace`, part.namespaces));
    if (scopes.length === 0) return "false";
    return `((${scopes.join(" or ")}) and ${this.#matches(`${alias}.name`, part.names)})`;
  }

  #matches(column: string, pattern: string): string {
    return pattern === MATCHES_ALL ? `${column} is not null` : `${column} ~ ${this.bind(pattern)}`;
  }
}
