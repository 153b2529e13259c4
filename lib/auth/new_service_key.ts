/**
 * A service key that is made: its text, which is shown once, and its row.
 *
 * @module
 */
import type { KeyRing } from "../crypto/keyring.ts";
import type { Grant } from "../principal/principal.ts";
import type { ServiceKeyKind, ServiceKeyRow } from "../store/service_keys.ts";
import { signServiceKeyRow, tokenMessage } from "./service_key_rows.ts";
import { generateServiceKey } from "./service_key_text.ts";

/** What a key is to be. */
export interface ServiceKeySpec {
  /** What people call it. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** `null` for never; left out, in 90 days or with the maker's key, whichever is sooner. */
  readonly expiresAt?: Date | null;
  /** CIDR ranges; left out, those of the maker's key. */
  readonly cidrs?: readonly string[] | null;
}

/** Everything about a key but the key. */
export type ServiceKeyMetadata = Omit<ServiceKeyRow, "tokenMac" | "previousMac" | "mac">;

/** A key that was just made; the text is shown once and stored nowhere. */
export interface IssuedServiceKey {
  readonly key: ServiceKeyMetadata;
  readonly text: string;
}

/** Who makes a key, when, and of which kind. */
export interface Making {
  /** The principal's id, or who vouches; `null` for the server itself. */
  readonly by: string | null;
  readonly kind: ServiceKeyKind;
  readonly now: Date;
}

/** Makes a key. What `spec` leaves out isn't bounded: it neither expires nor asks for addresses. */
export function newServiceKey(
  ring: KeyRing,
  spec: ServiceKeySpec,
  { by, kind, now }: Making,
): { row: ServiceKeyRow; text: string } {
  const { id: prefix, text } = generateServiceKey();
  const row = signServiceKeyRow(ring, {
    id: crypto.randomUUID(),
    prefix,
    name: spec.name,
    kind,
    tokenMac: ring.mac("token", tokenMessage(text)),
    previousMac: null,
    previousUntil: null,
    grants: spec.grants,
    cidrs: spec.cidrs ?? null,
    createdAt: now,
    createdBy: by,
    expiresAt: spec.expiresAt ?? null,
    revokedAt: null,
  });
  return { row, text };
}

/** What may be shown of a row. */
export function metadataOf(row: ServiceKeyRow): ServiceKeyMetadata {
  const { tokenMac: _token, previousMac: _previous, mac: _mac, ...metadata } = row;
  return metadata;
}
