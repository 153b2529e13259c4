/**
 * Conditions on secrets that the asker may see.
 *
 * @module
 */
import { MATCHES_ALL, type TextRange } from "../principal/glob.ts";
import type { SqlValue } from "./sql.ts";

/** A part of all secrets that may be seen; a list shows the union of several. */
export interface VisiblePart {
  readonly global: boolean;
  /** Regular expression over all of a namespace; `null` matches none. */
  readonly namespaces: string | null;
  /** Where those namespaces lie among all, in the order of code points. */
  readonly ranges: readonly TextRange[];
  /** Regular expression over all of a name. */
  readonly names: string;
}

/** Collects parameters, so that no text is ever spliced into a statement. */
export class Where {
  readonly values: SqlValue[] = [];
  readonly #terms: string[];

  constructor(terms: readonly string[]) {
    this.#terms = [...terms];
  }

  bind(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }

  /** Binds a text that is compared in the order of code points. */
  bindC(value: string): string {
    return `${this.bind(value)}::text collate "C"`;
  }

  and(term: string): void {
    this.#terms.push(`(${term})`);
  }

  toString(): string {
    return this.#terms.join(" and ");
  }
}

/** A condition on rows that may be seen, with the parameters that further terms may add to. */
export interface VisibleWhere {
  readonly where: string;
  readonly values: readonly SqlValue[];
  bind(value: SqlValue): string;
}

/** The condition on rows that may be seen, whether live or deleted. */
export function visibleWhere(visible: readonly VisiblePart[]): VisibleWhere {
  const where = new Where([]);
  seen(where, visible);
  return { where: `${where}`, values: where.values, bind: (value) => where.bind(value) };
}

/** Lets through what is part of `visible`. */
export function seen(where: Where, visible: readonly VisiblePart[]): void {
  const parts = visible.map((part) => visiblePart(where, part));
  where.and(parts.length === 0 ? "false" : parts.join(" or "));
}

/** The condition on rows of a part. */
export function visiblePart(where: Where, part: VisiblePart): string {
  const scopes = scopesOf(where, part);
  if (scopes.length === 0) return "false";
  return `((${scopes.join(" or ")}) and ${matches(where, "name", part.names)})`;
}

/** Conditions on the place of rows of a part, any of which lets one through. */
export function scopesOf(where: Where, part: VisiblePart): string[] {
  const scopes = part.global ? ["namespace is null"] : [];
  if (part.namespaces !== null) scopes.push(matches(where, "namespace", part.namespaces));
  return scopes;
}

/** The condition that a pattern matches all of a column. */
export function matches(where: Where, column: "namespace" | "name", pattern: string): string {
  if (pattern === MATCHES_ALL) return `${column} is not null`;
  return `${column} ~ ${where.bind(pattern)}`;
}
