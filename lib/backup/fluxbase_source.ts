/**
 * What a Fluxbase database holds, read and decrypted.
 *
 * Its format: AES-256-GCM without associated data, stored as base64 of `nonce (12) ‖ ciphertext ‖
 * tag (16)`. The key is the configured text's 32 bytes; for a user's settings it is HKDF-SHA256 of
 * that with the user's UUID, in lower case, as salt.
 *
 * @module
 */
import { createDecipheriv, hkdfSync } from "node:crypto";
import { AppError } from "../errors.ts";
import type { Row, Sql } from "../store/sql.ts";
import type { ImportedSecret, ImportedSetting } from "./imported_rows.ts";

/** Something that stays behind, and why. */
export interface LeftBehind {
  /** As people know it; never a value. */
  readonly what: string;
  readonly why: string;
}

/** A secret or setting, and which versions of it could not be brought. */
export interface Found<T> {
  readonly item: T;
  /** `undefined`: it is whole. */
  readonly lost?: string;
}

/** What was found. */
export interface FluxbaseContents {
  readonly secrets: readonly Found<ImportedSecret>[];
  readonly settings: readonly ImportedSetting[];
  readonly left: readonly LeftBehind[];
}

const USER_INFO = "fluxbase-user-settings-v1";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Takes the key as it stands in a configuration file; one newline at the end doesn't count.
 *
 * @throws {AppError} INVALID_INPUT when it isn't 32 bytes.
 */
export function parseFluxbaseKey(text: string): Uint8Array {
  const key = new TextEncoder().encode(text.replace(/\r?\n$/, ""));
  if (key.length === KEY_BYTES) return key;
  throw new AppError("INVALID_INPUT", `The source's key must be ${KEY_BYTES} bytes`);
}

/**
 * Reads everything, from one moment.
 *
 * @throws {AppError} INVALID_INPUT when there are no such tables.
 */
export async function readFluxbase(sql: Sql, key: Uint8Array): Promise<FluxbaseContents> {
  return await sql.transaction(async (tx) => {
    await tx`set transaction isolation level repeatable read, read only`;
    await checkTables(tx);
    const left: LeftBehind[] = [];
    const secrets = await readSecrets(tx, key, left);
    const settings = await readSettings(tx, key, left);
    return { secrets, settings, left };
  });
}

async function checkTables(tx: Sql): Promise<void> {
  const [row] = await tx<{ is: boolean }>`
    select count(*) = 3 as is from information_schema.columns where column_name = 'encrypted_value'
      and (table_schema, table_name) in
        (('functions', 'secrets'), ('functions', 'secret_versions'), ('app', 'settings'))`;
  if (row!.is) return;
  throw new AppError("INVALID_INPUT", "The source is no Fluxbase database: its tables are missing");
}

interface RawSecret extends Row {
  id: string;
  name: string;
  namespace: string | null;
  encrypted_value: string;
  description: string | null;
  version: number;
  expires_at: Date | null;
  created_at: Date;
  updated_at: Date;
  created_by: string | null;
  updated_by: string | null;
}

interface RawVersion extends Row {
  version: number;
  encrypted_value: string;
  created_at: Date;
  created_by: string | null;
}

async function readSecrets(
  tx: Sql,
  key: Uint8Array,
  left: LeftBehind[],
): Promise<Found<ImportedSecret>[]> {
  const rows = await tx.query<RawSecret>(
    `select id, name, case scope when 'global' then null else namespace end as namespace,
       encrypted_value, description, version, expires_at, created_at, updated_at,
       created_by::text, updated_by::text
     from functions.secrets order by namespace collate "C" nulls first, name collate "C"`,
  );
  const found: Found<ImportedSecret>[] = [];
  for (const row of rows) {
    const history = await tx.query<RawVersion>(
      `select version, encrypted_value, created_at, created_by::text
       from functions.secret_versions where secret_id = $1::uuid and version < $2
       order by version desc`,
      [row.id, row.version],
    );
    const value = decrypt(key, row.encrypted_value);
    if (value === null) left.push({ what: nameOf(row), why: "its value can't be decrypted" });
    else found.push(foundSecret(key, row, value, history));
  }
  return found;
}

/** The current version, and those before it down to the first that is missing or unreadable. */
function foundSecret(
  key: Uint8Array,
  row: RawSecret,
  current: string,
  history: readonly RawVersion[],
): Found<ImportedSecret> {
  const latest = { createdAt: row.updated_at, createdBy: row.updated_by ?? row.created_by };
  const versions = [{ version: row.version, value: current, ...latest }];
  for (const each of history) {
    const value = each.version === versions[0]!.version - 1
      ? decrypt(key, each.encrypted_value)
      : null;
    if (value === null || value === "") break;
    versions.unshift({
      version: each.version,
      value,
      createdAt: each.created_at,
      createdBy: each.created_by,
    });
  }
  const first = versions[0]!.version;
  const item = {
    name: row.name,
    namespace: row.namespace,
    description: row.description,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    createdBy: row.created_by,
    updatedBy: row.updated_by,
    versions,
  };
  if (first === 1) return { item };
  return { item, lost: `versions below ${first} are missing or can't be decrypted` };
}

interface RawSetting extends Row {
  key: string;
  user_id: string | null;
  description: string | null;
  encrypted_value: string;
  created_at: Date;
  updated_at: Date;
  created_by: string | null;
  updated_by: string | null;
}

async function readSettings(
  tx: Sql,
  key: Uint8Array,
  left: LeftBehind[],
): Promise<ImportedSetting[]> {
  const rows = await tx.query<RawSetting>(
    `select key, user_id::text, description, encrypted_value, created_at, updated_at,
       created_by::text, updated_by::text
     from app.settings where is_secret and encrypted_value is not null
     order by user_id nulls first, key`,
  );
  return rows.flatMap((row): ImportedSetting[] => {
    const own = row.user_id === null ? key : userKey(key, row.user_id);
    const value = decrypt(own, row.encrypted_value);
    if (value === null) {
      left.push({ what: settingNameOf(row.key, row.user_id), why: "its value can't be decrypted" });
      return [];
    }
    const { description, created_at: createdAt, updated_at: updatedAt } = row;
    return [{
      key: row.key,
      userId: row.user_id,
      description: description === "" ? null : description,
      value,
      createdAt,
      updatedAt,
      createdBy: row.created_by,
      updatedBy: row.updated_by,
    }];
  });
}

/** How a secret is called in a report. */
export function nameOf(
  { name, namespace }: { readonly name: string; readonly namespace: string | null },
): string {
  return namespace === null ? `secret ${name}` : `secret ${name} in namespace ${namespace}`;
}

/** How a setting is called in a report. */
export function settingNameOf(key: string, userId: string | null): string {
  return userId === null ? `setting ${key}` : `setting ${key} of user ${userId}`;
}

function userKey(key: Uint8Array, userId: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, userId.toLowerCase(), USER_INFO, KEY_BYTES));
}

/** `null` when the key is another one, the text was changed, or the value isn't text. */
function decrypt(key: Uint8Array, stored: string): string | null {
  try {
    const bytes = Uint8Array.fromBase64(stored);
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const start = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
    const plain = new Uint8Array([...start, ...decipher.final()]);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
  } catch {
    return null;
  }
}
