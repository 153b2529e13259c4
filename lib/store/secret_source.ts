/**
 * What the resolver reads: all that a run could get, in one statement and so in one snapshot.
 *
 * @module
 */
import { type Head, NAMESPACES, type SignedPlace } from "../resolve/head.ts";
import type { StoredSecret } from "../resolve/records.ts";
import type { Namespace } from "../resolve/ref.ts";
import { findHead, head, listPlaces, type RawHead } from "./heads.ts";
import { storedSecret } from "./secret_rows.ts";
import type { Row, Sql } from "./sql.ts";

/** Head revisions of the global scope and of one namespace. */
interface Heads extends Row {
  global_revision: number;
  namespace_revision: number;
}

const REVISION = `select
    coalesce(max(revision) filter (where namespace is null), 0) as global_revision,
    coalesce(max(revision) filter (where namespace is not null), 0) as namespace_revision
  from functions.heads where namespace is null or namespace = $1::text`;

/** The heads come as JSON, once: in a column of the first row. */
const LOAD = `with heads as (
    select coalesce(json_agg(json_build_object('namespace', namespace, 'revision', revision,
      'live_count', live_count, 'live_digest', encode(live_digest, 'hex'),
      'deleted_count', deleted_count, 'deleted_digest', encode(deleted_digest, 'hex'),
      'mac', encode(mac, 'hex'))), '[]') as list
    from functions.heads where namespace is null or namespace = $1::text
  )
  select case when row_number() over () = 1 then heads.list end as heads,
    s.*, v.id as v_id, v.version as v_version, v.envelope as v_envelope,
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

  /** Heads, live secrets and current versions of the global scope and of `namespace`. */
  async load(namespace: Namespace | null): Promise<{ heads: Head[]; secrets: StoredSecret[] }> {
    const rows = await this.#sql.query(LOAD, [namespace]);
    const list = rows.find((row) => row["heads"] !== null)?.["heads"];
    // With no secret there is still one row, for the heads.
    const secrets = rows.filter((row) => row["id"] !== null).map(storedSecret);
    return { heads: (list as HexHead[]).map(headOfHex), secrets };
  }

  /** Head revisions of the global scope and of `namespace`, as one text. */
  async revision(namespace: Namespace | null): Promise<string> {
    const rows = await this.#sql.query<Heads>(REVISION, [namespace]);
    const heads = rows[0]!;
    return `${heads.global_revision}.${heads.namespace_revision}`;
  }

  /** What authenticates the list of all namespaces. */
  registry(): Promise<Head | undefined> {
    return findHead(this.#sql, NAMESPACES);
  }

  /** The list of all namespaces and what authenticates it. */
  places(): Promise<{ registry: Head | undefined; places: SignedPlace[] }> {
    return listPlaces(this.#sql);
  }
}

type Bytes = "live_digest" | "deleted_digest" | "mac";
type HexHead = Omit<RawHead, Bytes> & Record<Bytes, string | null>;

function headOfHex(raw: HexHead): Head {
  const bytes = (hex: string | null) => hex === null ? null : Uint8Array.fromHex(hex);
  return head({
    ...raw,
    live_digest: bytes(raw.live_digest),
    deleted_digest: bytes(raw.deleted_digest),
    mac: bytes(raw.mac),
  } as RawHead);
}
