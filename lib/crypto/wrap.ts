/**
 * Wrapping: how a key of the ring is stored, sealed under a root key.
 *
 * The row's columns are the associated data, so who can write to the database but has no root
 * key cannot change a key's purpose or status, nor bring in a key of their own.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { KEY_BYTES, NONCE_BYTES, openBytes, sealBytes, TAG_BYTES } from "./aead.ts";
import { canonical } from "./canonical.ts";
import type { RootKey } from "./root_key.ts";

/**
 * What a key is for: `value` seals values, `row` authenticates rows, `token` stores service keys,
 * `digest` fingerprints requests. No key has two purposes.
 */
export type KeyPurpose = "value" | "row" | "token" | "digest";

/** Every purpose. */
export const PURPOSES: readonly KeyPurpose[] = ["value", "row", "token", "digest"];

/** `primary` makes new output, `enabled` only reads old one, `disabled` does neither. */
export type KeyStatus = "primary" | "enabled" | "disabled";

/** What is stored of a key in the clear, and is authenticated with it. */
export interface KeyInfo {
  /** 16 lower-case hex digits: 8 random bytes. */
  readonly id: string;
  /** The one thing that it is for. */
  readonly purpose: KeyPurpose;
  /** Whether it makes new output, reads old one, or neither. */
  readonly status: KeyStatus;
  /** When it was made, to the millisecond. */
  readonly createdAt: Date;
}

/** A key of the ring as it is stored. */
export interface WrappedKey extends KeyInfo {
  /** Id of the root key that it is sealed under. */
  readonly rootId: string;
  /** The sealed key, as its root seals one; under a root key held here 61 bytes. */
  readonly wrapped: Uint8Array;
}

const VERSION = 1;
const SEALED_AT = 1 + NONCE_BYTES;
const WRAPPED_BYTES = SEALED_AT + KEY_BYTES + TAG_BYTES;
const INFO = "fluxbase-wrap-v1";

/**
 * Seals `key` under `root`.
 *
 * The nonce is random: SP 800-38D §8.3 allows 2^32 of them for one key, and a root key wraps a
 * handful of ring keys in its whole life.
 */
export function wrapKey(root: RootKey, info: KeyInfo, key: Uint8Array): WrappedKey {
  const { id, purpose, status, createdAt } = info;
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = sealBytes(root.derive(INFO), nonce, key, wrapAssociatedData(info, root.id));
  const wrapped = new Uint8Array(WRAPPED_BYTES);
  wrapped[0] = VERSION;
  wrapped.set(nonce, 1);
  wrapped.set(sealed, SEALED_AT);
  return { id, purpose, status, rootId: root.id, wrapped, createdAt };
}

/**
 * Opens a stored key.
 *
 * @returns The key's 32 bytes, or `null` when the row is not as it was written, or `root` is not
 * the root key that it names.
 */
export function unwrapKey(root: RootKey, stored: WrappedKey): Uint8Array | null {
  const { wrapped } = stored;
  if (wrapped.length !== WRAPPED_BYTES || wrapped[0] !== VERSION) return null;
  const nonce = wrapped.subarray(1, SEALED_AT);
  const aad = wrapAssociatedData(stored, stored.rootId);
  return openBytes(root.derive(INFO), nonce, wrapped.subarray(SEALED_AT), aad);
}

/** The bytes that a sealed key is bound to: its row. */
export function wrapAssociatedData(info: KeyInfo, rootId: string): Uint8Array {
  const { id, purpose, status, createdAt } = info;
  return canonical("fluxbase/wrap/v1", [id, purpose, status, rootId, createdAt]);
}
