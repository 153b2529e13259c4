/**
 * The store of secrets: rows and sealed values in, rows and sealed values out. It sees no plaintext.
 *
 * Every method takes the `Sql` to run on, a pool or a transaction, so there is one of each.
 *
 * @module
 */
import type { SecretRow, VersionRow } from "../resolve/records.ts";
import type { Namespace, SecretName, SecretRef } from "../resolve/ref.ts";
import { SECRET_COLUMNS, secretRow, VERSION_COLUMNS, versionRow } from "./secret_rows.ts";
import type { Row, Sql } from "./sql.ts";

/** How a secret is looked up. */
export type SecretLocator = SecretRef | { readonly id: string };

/** Options of {@linkcode findSecret}. */
export interface FindOptions {
  /** Whether the row is locked until the transaction ends. */
  forUpdate?: boolean;
}

/**
 * Finds a live secret.
 *
 * A namespace and the global scope are two branches, since `is not distinct from` uses no index.
 */
export async function findSecret(
  sql: Sql,
  locator: SecretLocator,
  options: FindOptions = {},
): Promise<SecretRow | undefined> {
  const [where, values] = locate(locator);
  const lock = options.forUpdate === true ? " for update" : "";
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets where ${where} and deleted_at is null${lock}`,
    values,
  );
  return first(rows, secretRow);
}

/** The live secrets of one name: the global one, and those of some namespaces. */
export async function findNamesakes(
  sql: Sql,
  name: SecretName,
  namespaces: readonly Namespace[],
): Promise<SecretRow[]> {
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets
     where namespace is null and name = $1 and deleted_at is null
     union all
     select ${SECRET_COLUMNS} from functions.secrets
     where namespace = any($2::text[]) and name = $1 and deleted_at is null`,
    [name, [...namespaces]],
  );
  return rows.map(secretRow);
}

function locate(locator: SecretLocator): [where: string, values: string[]] {
  if ("id" in locator) return ["id = $1::uuid", [locator.id]];
  const { namespace, name } = locator;
  return namespace === null
    ? ["namespace is null and name = $1", [name]]
    : ["namespace = $2 and name = $1", [name, namespace]];
}

/** Finds live secrets of one place by name, in no order; a name that is none finds nothing. */
export async function findSecretsByName(
  sql: Sql,
  namespace: Namespace | null,
  names: readonly string[],
): Promise<SecretRow[]> {
  const [place, values] = namespace === null
    ? ["namespace is null", [names]]
    : ["namespace = $2", [names, namespace]];
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets
     where ${place} and name = any($1::text[]) and deleted_at is null`,
    values,
  );
  return rows.map(secretRow);
}

/** Finds live secrets by id, in no order. */
export async function findSecretsById(sql: Sql, ids: readonly string[]): Promise<SecretRow[]> {
  const rows = await sql.query(
    `select ${SECRET_COLUMNS} from functions.secrets
     where id = any($1::uuid[]) and deleted_at is null`,
    [ids],
  );
  return rows.map(secretRow);
}

/** The whole history of a secret, newest first. */
export async function listVersions(sql: Sql, secretId: string): Promise<VersionRow[]> {
  const rows = await sql.query(
    `select ${VERSION_COLUMNS} from functions.secret_versions
     where secret_id = $1::uuid order by version desc`,
    [secretId],
  );
  return rows.map(versionRow);
}

/** One version of a secret. */
export async function findVersion(
  sql: Sql,
  secretId: string,
  version: number,
): Promise<VersionRow | undefined> {
  const rows = await sql.query(
    `select ${VERSION_COLUMNS} from functions.secret_versions
     where secret_id = $1::uuid and version = $2::int`,
    [secretId, version],
  );
  return first(rows, versionRow);
}

function first<T>(rows: readonly Row[], read: (row: Row) => T): T | undefined {
  const [row] = rows;
  return row === undefined ? undefined : read(row);
}
