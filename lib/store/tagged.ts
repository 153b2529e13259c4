/**
 * From tagged templates to numbered parameters.
 *
 * @module
 */
import type { Row, Sql, SqlValue } from "./sql.ts";

/** The three operations a driver gives; {@linkcode makeSql} adds the template to them. */
export interface Runner {
  query(text: string, values: readonly SqlValue[]): Promise<Row[]>;
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  script(text: string): Promise<Row[]>;
}

/** A template's strings are one frozen array per place in the source, so they make a key. */
const texts = new WeakMap<TemplateStringsArray, string>();

/**
 * Returns the statement's text with `$1 …` in the gaps.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { numbered } from "./tagged.ts";
 *
 * const strings = (parts: TemplateStringsArray, ..._values: unknown[]) => parts;
 * assertEquals(numbered(strings`select ${1} + ${2}`), "select $1 + $2");
 * ```
 */
export function numbered(strings: TemplateStringsArray): string {
  const known = texts.get(strings);
  if (known !== undefined) return known;
  const text = strings.reduce((before, part, index) => `${before}$${index}${part}`);
  texts.set(strings, text);
  return text;
}

/** Makes the callable {@linkcode Sql} over a driver's operations. */
export function makeSql(runner: Runner): Sql {
  function sql<T extends Row = Row>(
    strings: TemplateStringsArray,
    ...values: SqlValue[]
  ): Promise<T[]> {
    return runner.query(numbered(strings), values) as Promise<T[]>;
  }
  function query<T extends Row = Row>(
    text: string,
    values: readonly SqlValue[] = [],
  ): Promise<T[]> {
    return runner.query(text, values) as Promise<T[]>;
  }
  return Object.assign(sql, {
    query,
    transaction: runner.transaction.bind(runner) as Sql["transaction"],
    script: runner.script.bind(runner) as Sql["script"],
  });
}
