/**
 * A database as Fluxbase makes it: its tables, as far as secrets go, and its sealed values.
 *
 * @module
 */
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";
import { openPostgres } from "../../lib/store/postgres.ts";
import type { Sql } from "../../lib/store/sql.ts";
import { createPostgresDatabase } from "./databases.ts";

/** The key that it is sealed with. */
export const FLUXBASE_KEY = "12345678901234567890123456789012";
/** A user of it, as it writes ids in capitals now and then. */
export const FLUXBASE_USER = "7F9C24E8-3B12-4FEF-91E0-8B1B4E0C7A55";

const TABLES = `
drop schema if exists functions cascade;
drop schema if exists app cascade;
create schema functions;
create schema app;
create table functions.secrets (
  id uuid primary key default gen_random_uuid(), name text not null,
  scope text not null default 'global' check (scope in ('global', 'namespace')), namespace text,
  encrypted_value text not null, description text, version int not null default 1,
  expires_at timestamptz, tenant_id uuid, created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(), created_by uuid, updated_by uuid
);
create table functions.secret_versions (
  id uuid primary key default gen_random_uuid(),
  secret_id uuid not null references functions.secrets (id) on delete cascade, version int not null,
  encrypted_value text not null, tenant_id uuid, created_at timestamptz not null default now(),
  created_by uuid, unique (secret_id, version)
);
create table app.settings (
  id uuid primary key default gen_random_uuid(), key text not null, value jsonb not null,
  value_type text default 'string', category text default 'custom', description text,
  is_public boolean default false, is_secret boolean default false, editable_by text[],
  metadata jsonb, created_by uuid, updated_by uuid, created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(), encrypted_value text, user_id uuid, tenant_id uuid
);`;

/** A secret as it is put there. */
export interface FluxbaseSecret {
  readonly name: string;
  readonly namespace?: string;
  /** Oldest first. */
  readonly values: readonly string[];
  readonly expiresAt?: Date;
  /** Spoils the current value. */
  readonly broken?: boolean;
}

/** Makes the database and fills it. */
export async function withFluxbase(
  secrets: readonly FluxbaseSecret[],
  settings: readonly { key: string; userId?: string; value: string }[],
  work: (url: string) => Promise<void>,
): Promise<void> {
  const { url, drop } = await createPostgresDatabase();
  try {
    const database = await openPostgres(url);
    try {
      await database.sql.script(TABLES);
      for (const secret of secrets) await putSecret(database.sql, secret);
      for (const setting of settings) await putSetting(database.sql, setting);
    } finally {
      await database.close();
    }
    await work(url);
  } finally {
    await drop();
  }
}

async function putSecret(sql: Sql, secret: FluxbaseSecret): Promise<void> {
  const { name, namespace = null, values, expiresAt = null, broken = false } = secret;
  const key = new TextEncoder().encode(FLUXBASE_KEY);
  const sealed = values.map((value) => seal(broken ? key.toReversed() : key, value));
  const [row] = await sql<{ id: string }>`insert into functions.secrets
      (name, scope, namespace, encrypted_value, description, version, expires_at, created_at,
       updated_at, created_by)
    values (${name}, ${namespace === null ? "global" : "namespace"}, ${namespace},
      ${sealed.at(-1)!}, ${`about ${name}`}, ${values.length}, ${expiresAt},
      ${new Date("2025-01-01T00:00:00Z")}, ${new Date("2025-01-09T00:00:00Z")},
      ${FLUXBASE_USER}::uuid) returning id`;
  for (const [index, text] of sealed.entries()) {
    await sql`insert into functions.secret_versions
        (secret_id, version, encrypted_value, created_at, created_by)
      values (${row!.id}::uuid, ${index + 1}, ${text},
        ${new Date(Date.UTC(2025, 0, index + 1))}, ${FLUXBASE_USER}::uuid)`;
  }
}

async function putSetting(
  sql: Sql,
  { key, userId, value }: { key: string; userId?: string; value: string },
): Promise<void> {
  const master = new TextEncoder().encode(FLUXBASE_KEY);
  const own = userId === undefined ? master : new Uint8Array(
    hkdfSync("sha256", master, userId.toLowerCase(), "fluxbase-user-settings-v1", 32),
  );
  await sql`insert into app.settings (key, value, is_secret, encrypted_value, user_id)
    values (${key}, ${'{"value":"[ENCRYPTED]"}'}::text::jsonb, true, ${seal(own, value)},
      ${userId ?? null}::uuid)`;
}

function seal(key: Uint8Array, value: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = [nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(sealed.flatMap((part) => [...part])).toBase64();
}
