/**
 * Rows of service keys, authenticated: who can write to the database and has no key can neither
 * make a key nor widen, revive or unbind one.
 *
 * @module
 */
import type { Actor, AuditEntry } from "../audit/entry.ts";
import { canonical, type Field } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { grantFields } from "../principal/grants.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import type { ServiceKeyRow, UnsignedServiceKeyRow } from "../store/service_keys.ts";

/** Of rows that have nothing but what the first version of the table had. */
const ROW_V1 = "fluxbase/row/service-key/v1";
const ROW_V2 = "fluxbase/row/service-key/v2";
const TOKEN = "fluxbase/service-key/v1";

/** The message of the MAC under which a key is stored. */
export function tokenMessage(text: string): Uint8Array {
  return canonical(TOKEN, [text]);
}

/**
 * Lets a row of `functions.service_keys` through if it is as the server wrote it.
 *
 * @throws {AppError} INTEGRITY_VIOLATION naming the key's prefix when it isn't.
 */
export function verifyServiceKeyRow(ring: KeyRing, row: ServiceKeyRow): ServiceKeyRow {
  if (isAuthentic(ring, () => rowMessage(row), row.mac)) return row;
  throw new AppError(
    "INTEGRITY_VIOLATION",
    `Row of service key ${row.prefix} is not as it was written`,
  );
}

/** Authenticates a row of `functions.service_keys`. */
export function signServiceKeyRow(ring: KeyRing, row: UnsignedServiceKeyRow): ServiceKeyRow {
  return { lastUsedAt: null, ...row, mac: ring.mac("row", rowMessage(row)) };
}

/** A changed row, authenticated anew. */
export function changeServiceKeyRow(
  ring: KeyRing,
  before: ServiceKeyRow,
  change: Partial<UnsignedServiceKeyRow>,
): ServiceKeyRow {
  const { mac: _old, ...columns } = before;
  return signServiceKeyRow(ring, { ...columns, ...change });
}

/** What is recorded of an action on a key. */
export function keyEntry(
  action: string,
  actor: Actor,
  { id, name, prefix, expiresAt }: ServiceKeyRow,
): AuditEntry {
  const detail = { id, prefix, expires_at: expiresAt?.toISOString() ?? null };
  return { action, actor, name, detail };
}

/** The domain tells the two forms apart, so a row doesn't become one of the other by losing columns. */
function rowMessage(row: UnsignedServiceKeyRow): Uint8Array {
  const isPlain = row.kind === "key" && row.cidrs === null && row.previousMac === null &&
    row.previousUntil === null;
  if (isPlain) return canonical(ROW_V1, [...commonFields(row), ...grantFields(row.grants)]);
  const cidrs = row.cidrs ?? [];
  return canonical(ROW_V2, [
    ...commonFields(row),
    row.kind,
    row.previousMac,
    row.previousUntil,
    row.cidrs === null ? null : cidrs.length,
    ...cidrs,
    ...grantFields(row.grants),
  ]);
}

function commonFields(row: UnsignedServiceKeyRow): Field[] {
  return [
    row.id,
    row.prefix,
    row.name,
    row.tokenMac,
    row.createdAt,
    row.createdBy,
    row.expiresAt,
    row.revokedAt,
  ];
}
