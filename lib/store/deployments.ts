/**
 * Deployed code: which version of which function or job is served, and everything that ever was.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import type { AuditEntry } from "../audit/entry.ts";
import { lockTransaction } from "./advisory_lock.ts";
import {
  CODE_VERSION_COLUMNS,
  type CodeKind,
  type CodeVersionRow,
  codeVersionRow,
  DEPLOYMENT_COLUMNS,
  type DeploymentRow,
  type StoredDeployment,
  storedDeployment,
} from "./deployment_rows.ts";
import type { RowSetSpec, RowSetStore } from "./row_sets.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** The channel on which every change tells its kind. */
export const CODE_CHANNEL = "fluxbase_code";

/** Every deployment is in this set, so that none is rolled back by an old copy of its row. */
export const DEPLOYMENTS_SET: RowSetSpec = {
  name: "@deployments",
  table: "functions.deployments",
  keepsDeleted: true,
};

/** Where deployments are stored. */
export interface DeploymentStore {
  readonly sql: Sql;
  readonly set: RowSetStore;
}

/** A change, ready to be stored. */
export interface DeploymentChange {
  /** The row as it was read, or `undefined` for a new one. */
  readonly before: DeploymentRow | undefined;
  readonly after: DeploymentRow;
  /** The version that comes with it; a deletion has none. */
  readonly version?: CodeVersionRow;
  /** What is recorded of it. */
  readonly entry: AuditEntry;
}

const HEAD = `select coalesce(max(revision), 0) as revision
  from functions.code_heads where kind = $1::text`;
const STORED = `select d.*, v.hash as v_hash, v.version as v_version, v.settings as v_settings,
    v.restored as v_restored, v.created_at as v_created_at, v.created_by as v_created_by,
    v.mac as v_mac
  from functions.deployments d
  left join functions.deployment_versions v on v.deployment_id = d.id and v.version = d.version
  where d.kind = $1::text and d.deleted_at is null`;

/** What {@linkcode loadDeployments} read in one snapshot. */
export interface LoadedDeployments {
  readonly revision: string;
  readonly deployments: readonly StoredDeployment[];
}

/** The same, once it is sure that no row is missing or was put back from an old copy. */
export async function loadWholeDeployments(
  { sql, set }: DeploymentStore,
  kind: CodeKind,
): Promise<LoadedDeployments> {
  let loaded: LoadedDeployments | undefined;
  await set.readAll(sql, async () => {
    loaded = await loadDeployments(sql, kind);
    return loaded.deployments.map(({ row }) => row);
  });
  return loaded!;
}

/** Every live deployment of a kind with its current version, and the head, in one snapshot. */
export async function loadDeployments(sql: Sql, kind: CodeKind): Promise<LoadedDeployments> {
  const rows = await sql.query(
    `with head as (${HEAD}) select head.revision, stored.* from head left join (${STORED}) stored
     on true`,
    [kind],
  );
  // With no deployment there is still one row, for the head.
  const deployments = rows.filter((row) => row["id"] !== null).map(storedDeployment);
  return { revision: String(rows[0]?.["revision"]), deployments };
}

/** A text that differs whenever a deployment of the kind may differ. */
export async function codeRevision(sql: Sql, kind: CodeKind): Promise<string> {
  const rows = await sql.query(HEAD, [kind]);
  return String(rows[0]?.["revision"]);
}

/** Every version of a deployment, newest first. */
export async function listCodeVersions(sql: Sql, deploymentId: string): Promise<CodeVersionRow[]> {
  const rows = await sql.query(
    `select ${CODE_VERSION_COLUMNS} from functions.deployment_versions where deployment_id = $1::uuid
     order by version desc`,
    [deploymentId],
  );
  return rows.map(codeVersionRow);
}

/**
 * Runs `work`, which looks at the live deployments of a kind and returns what is to be changed, and
 * stores that: all of it or nothing. Those who deploy at the same time do so one after the other.
 */
export function changeDeployments<T>(
  { sql, set }: DeploymentStore,
  kind: CodeKind,
  work: (live: readonly StoredDeployment[], sql: Sql) => Promise<Changed<T>>,
): Promise<T> {
  return set.transact(sql, async (tx, changeSet) => {
    await lockTransaction(tx, "deployments");
    const { deployments } = await loadDeployments(tx, kind);
    const { changes, blobs, result } = await work(deployments, tx);
    await putBlobs(tx, blobs);
    for (const change of changes) await putChange(tx, change);
    await changeSet(changes, changes.map(({ entry }) => entry));
    if (changes.length > 0) await tellOf(tx, kind);
    return result;
  });
}

/** What `work` of {@linkcode changeDeployments} decided. */
export interface Changed<T> {
  readonly changes: readonly DeploymentChange[];
  /** The code that the versions need. */
  readonly blobs: readonly { hash: string; code: string; createdAt: Date }[];
  readonly result: T;
}

/** The code with this hash, as it is stored; not checked. */
export async function readBlob(sql: Sql, hash: string): Promise<Uint8Array | undefined> {
  const rows = await sql<{ code: Uint8Array }>`
    select code from functions.code_blobs where hash = ${hash}`;
  return rows[0]?.code;
}

/**
 * Deletes for good what was deleted before `before`, and code that no version needs.
 *
 * @returns How many rows went.
 */
export async function purgeDeployments(
  { sql, set }: DeploymentStore,
  before: Date,
): Promise<number> {
  return await set.transact(sql, async (tx, changeSet) => {
    await lockTransaction(tx, "deployments");
    const deployments = await tx<{ mac: Uint8Array }>`
      delete from functions.deployments where deleted_at < ${before} returning mac`;
    await changeSet(
      deployments.map(({ mac }) => ({ before: { mac, deletedAt: before } })),
      { action: "deploy.purge", actor: SYSTEM, count: deployments.length },
    );
    const blobs = await tx`
      delete from functions.code_blobs b where not exists
        (select from functions.deployment_versions v where v.hash = b.hash) returning 1`;
    return deployments.length + blobs.length;
  });
}

/** What is there whole isn't sent again; what was damaged is mended by deploying it again. */
async function putBlobs(sql: Sql, blobs: Changed<unknown>["blobs"]): Promise<void> {
  if (blobs.length === 0) return;
  const rows = await sql<{ hash: string }>`select hash from functions.code_blobs
    where hash = any(${blobs.map(({ hash }) => hash)}::text[])
      and encode(sha256(code), 'hex') = hash`;
  const whole = new Set(rows.map(({ hash }) => hash));
  for (const { hash, code, createdAt } of blobs) {
    if (whole.has(hash)) continue;
    await sql`insert into functions.code_blobs (hash, code, created_at)
      values (${hash}, ${new TextEncoder().encode(code)}, ${createdAt})
      on conflict (hash) do update set code = excluded.code`;
  }
}

async function putChange(sql: Sql, { before, after, version }: DeploymentChange): Promise<void> {
  if (before === undefined) await insertRow(sql, after);
  else await updateRow(sql, before, after);
  if (version !== undefined) await insertVersion(sql, version);
}

async function insertRow(sql: Sql, row: DeploymentRow): Promise<void> {
  const values: SqlValue[] = [row.id, row.kind, row.namespace, row.name, row.version];
  values.push(row.createdAt, row.updatedAt, row.createdBy, row.updatedBy, row.deletedAt, row.mac);
  await sql.query(
    `insert into functions.deployments (${DEPLOYMENT_COLUMNS})
     values ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values,
  );
}

async function updateRow(sql: Sql, before: DeploymentRow, after: DeploymentRow): Promise<void> {
  const rows = await sql`update functions.deployments set version = ${after.version},
      updated_at = ${after.updatedAt}, updated_by = ${after.updatedBy},
      deleted_at = ${after.deletedAt}, mac = ${after.mac}
    where id = ${before.id}::uuid and mac = ${before.mac} returning 1`;
  if (rows.length !== 1) throw new Error(`Deployment ${before.id} changed under the lock`);
}

async function insertVersion(sql: Sql, row: CodeVersionRow): Promise<void> {
  const values: SqlValue[] = [row.deploymentId, row.version, row.hash, row.settings, row.restored];
  await sql.query(
    `insert into functions.deployment_versions (${CODE_VERSION_COLUMNS})
     values ($1::uuid, $2, $3, $4, $5, $6, $7, $8)`,
    [...values, row.createdAt, row.createdBy, row.mac],
  );
}

async function tellOf(sql: Sql, kind: CodeKind): Promise<void> {
  await sql`with head as (
      insert into functions.code_heads (kind, revision) values (${kind}, 1)
      on conflict (kind) do update set revision = code_heads.revision + 1 returning kind
    ) select pg_notify(${CODE_CHANNEL}, kind) is null as told from head`;
}

/** What is wrong with stored code and with histories of deployments, in one sentence each. */
export function findBrokenCode(sql: Sql): Promise<{ problem: string }[]> {
  return sql<{ problem: string }>`
    select 'Code ' || hash || ' is not what its name says' as problem
    from functions.code_blobs where encode(sha256(code), 'hex') <> hash
    union all
    select 'History of ' || d.kind || ' ' || d.name || ' is not 1 to ' || d.version
    from functions.deployments d where d.version <>
      (select count(*) from functions.deployment_versions v where v.deployment_id = d.id)`;
}
