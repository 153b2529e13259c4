/**
 * Who has read a secret, as far as the records of runs reach back.
 *
 * @module
 */
import { scopeOf, type SecretRef } from "../resolve/ref.ts";
import type { Row, Sql } from "./sql.ts";

/** A function or job that has read a secret. */
export interface SecretUser extends Row {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | null;
  readonly first_read: Date;
  readonly last_read: Date;
  /** Runs whose record is kept; of a flood of calls, that is a part. */
  readonly runs: number;
  readonly versions: readonly number[];
}

/** Looks up who has read a secret. */
export class SecretUsage {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Who has read it, the last one first. */
  users(ref: SecretRef): Promise<SecretUser[]> {
    const scope = scopeOf(ref);
    const read = JSON.stringify([{ name: ref.name, scope }]);
    return this.#sql<SecretUser>`
      select e.kind, e.name, e.namespace, min(e.started_at) as first_read,
        max(e.started_at) as last_read, count(*) as runs,
        jsonb_agg(distinct r.source -> 'version') as versions
      from functions.executions e, jsonb_array_elements(e.reads) as r (source)
      where e.reads @> ${read}::jsonb
        and r.source ->> 'name' = ${ref.name} and r.source ->> 'scope' = ${scope}
        and (${ref.namespace}::text is null or e.namespace = ${ref.namespace}::text)
      group by e.kind, e.name, e.namespace
      order by last_read desc, e.name`;
  }
}
