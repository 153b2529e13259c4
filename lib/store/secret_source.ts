/**
 * What the resolver reads: all that a run could get, in one statement and so in one snapshot.
 *
 * @module
 */
import type { StoredSecret } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { storedSecret } from "./secret_rows.ts";
import type { Row, Sql } from "./sql.ts";

/** Head revisions of the global scope and of one namespace. */
interface Heads extends Row {
  global_revision: number;
  namespace_revision: number;
}

const HEADS = `select
    coalesce(max(revision) filter (where namespace is null), 0) as global_revision,
    coalesce(max(revision) filter (where namespace is not null), 0) as namespace_revision
  from functions.heads where namespace is null or namespace = $1::text`;

const LOAD = `with heads as (${HEADS})
  select heads.*, s.*, v.id as v_id, v.version as v_version, v.envelope as v_envelope,
    v.created_at as v_created_at, v.created_by as v_created_by, v.mac as v_mac
  from heads left join functions.secrets s
    on s.deleted_at is null and (s.namespace is null or s.namespace = $1::text)
  left join functions.secret_versions v on v.secret_id = s.id and v.version = s.version`;

/** The secrets of a database, as the resolver's source. */
export class StoredSecretSource {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Head revisions, live secrets and current versions of the global scope and of `namespace`. */
  async load(
    namespace: Namespace | null,
  ): Promise<{ revision: string; secrets: StoredSecret[] }> {
    const rows = await this.#sql.query(LOAD, [namespace]);
    // With no secret there is still one row, for the heads.
    const secrets = rows.filter((row) => row["id"] !== null).map(storedSecret);
    return { revision: format(rows[0]), secrets };
  }

  /** Head revisions of the global scope and of `namespace`, as one text. */
  async revision(namespace: Namespace | null): Promise<string> {
    const rows = await this.#sql.query(HEADS, [namespace]);
    return format(rows[0]);
  }
}

function format(row: Row | undefined): string {
  const heads = row as Heads;
  return `${heads.global_revision}.${heads.namespace_revision}`;
}
