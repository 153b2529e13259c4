/**
 * Who has read a secret: by the audit, which counts every run and is kept long, and by the records
 * of runs, which know the last minute.
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
  /** Those that the audit has counted; runs of the last minute may still be missing. */
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
      with noted as (
        select principal_kind as kind, principal as name, detail::jsonb ->> 'namespace' as namespace,
          at, count, to_jsonb(version) as version
        from app.audit
        where action = 'secret.read' and name = ${ref.name}
          and namespace is not distinct from ${ref.namespace}::text
          and detail::jsonb ->> 'scope' = ${scope}
      ), recorded as (
        select e.kind, e.name, e.namespace, e.started_at as at, r.source -> 'version' as version
        from functions.executions e, jsonb_array_elements(e.reads) as r (source)
        where e.reads @> ${read}::jsonb
          and r.source ->> 'name' = ${ref.name} and r.source ->> 'scope' = ${scope}
          and (${ref.namespace}::text is null or e.namespace = ${ref.namespace}::text)
      ), reads as (
        select kind, name, namespace, at, count, 0 as kept, version from noted
        union all select kind, name, namespace, at, 0, 1, version from recorded
      )
      select kind, name, namespace, min(at) as first_read, max(at) as last_read,
        greatest(sum(count), sum(kept))::bigint as runs, jsonb_agg(distinct version) as versions
      from reads group by kind, name, namespace
      order by last_read desc, name`;
  }
}
