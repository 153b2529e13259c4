/**
 * A root as the ring sees it: something that seals keys of the ring and opens them again.
 *
 * @module
 */
import type { RingKey } from "../crypto/ring.ts";
import type { RootKey } from "../crypto/root_key.ts";
import { unwrapKey, wrapKey, type WrappedKey } from "../crypto/wrap.ts";

/** A root key that is held here, or one that never leaves another service. */
export interface Root {
  /** 16 hex digits; stands beside every key that it sealed. */
  readonly id: string;
  /**
   * Seals a key together with its status and the rest of its row.
   *
   * @throws {AppError} ROOT_UNAVAILABLE when the service that does it can't be asked.
   */
  wrap(key: RingKey): Promise<WrappedKey>;
  /**
   * Opens a stored key.
   *
   * @returns `null` when it is not as this root sealed it.
   * @throws {AppError} ROOT_UNAVAILABLE when the service that does it can't be asked.
   */
  unwrap(stored: WrappedKey): Promise<Uint8Array | null>;
}

/** Where roots come from. */
export interface RootProvider {
  /** For people: the setting, file or service. */
  readonly from: string;
  /**
   * Reads the roots anew. The first one seals, the others only open.
   *
   * @throws {AppError} CONFIG_INVALID or ROOT_UNAVAILABLE when there are none to be had.
   */
  read(): Promise<readonly Root[]>;
}

/** A root whose key is held in this process. */
export function localRoot(key: RootKey): Root {
  return {
    id: key.id,
    wrap: (ringKey) => Promise.resolve(wrapKey(key, ringKey, ringKey.bytes)),
    unwrap: (stored) => Promise.resolve(unwrapKey(key, stored)),
  };
}
