/**
 * Keys that the server makes by itself, for nobody who has one: the first administrator's, and those
 * of people and programs for whom another issuer vouches.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import type { Actor } from "../audit/entry.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { EVERYTHING, type Origin } from "../principal/principal.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { hasServiceKeys, insertServiceKey, purgeExchangedKeys } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import {
  type IssuedServiceKey,
  metadataOf,
  newServiceKey,
  type ServiceKeySpec,
} from "./new_service_key.ts";
import { keyEntry } from "./service_key_rows.ts";

/** What {@linkcode SystemKeys} is made of. */
export interface SystemKeysParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  /** Which keys there are. */
  readonly set: RowSetStore;
  readonly now?: () => Date;
}

/** Makes keys without a principal, and sweeps those that were short-lived. */
export class SystemKeys {
  readonly #parts: SystemKeysParts;

  /** Writes nothing yet. */
  constructor(parts: SystemKeysParts) {
    this.#parts = parts;
  }

  /**
   * Makes the first administrator's key when no key exists yet. It doesn't expire.
   *
   * @param keep Puts the key's text where it lasts; the key is only good once this has resolved, so
   * that no crash leaves a server whose only key nobody has.
   * @returns The key's text, once; `undefined` when there are keys already, revoked ones included.
   */
  async ensureAdminKey(
    keep: (text: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<string | undefined> {
    const { sql, ring, set } = this.#parts;
    const spec = { name: "admin", grants: [EVERYTHING] };
    const { row, text } = newServiceKey(ring, spec, { by: null, kind: "key", now: this.#now() });
    return await set.transact(sql, async (tx, change) => {
      if (await hasServiceKeys(tx)) return undefined;
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.create", SYSTEM, row));
      await keep(text);
      return text;
    });
  }

  /**
   * Makes a short-lived key for somebody whom another issuer vouches for, as the configuration
   * says.
   *
   * @param by Who vouches, such as `oidc:github`.
   * @param origin Where the request came from.
   */
  async exchange(
    by: string,
    spec: ServiceKeySpec & { expiresAt: Date },
    origin?: Origin,
  ): Promise<IssuedServiceKey> {
    const { sql, ring, set } = this.#parts;
    const { row, text } = newServiceKey(ring, spec, { by, kind: "exchanged", now: this.#now() });
    const actor: Actor = { ...SYSTEM, id: by, kind: "user", ...origin };
    await set.transact(sql, async (tx, change) => {
      await insertServiceKey(tx, row);
      await change([{ after: row }], keyEntry("key.exchange", actor, row));
    });
    return { key: metadataOf(row), text };
  }

  /** Removes exchanged keys that expired before `before`. */
  async purgeExchanged(before: Date): Promise<void> {
    const { sql, set } = this.#parts;
    await set.transact(sql, async (tx, change) => {
      const rows = await purgeExchangedKeys(tx, before);
      const entry = { action: "key.purge", actor: SYSTEM, count: rows.length };
      await change(rows.map((row) => ({ before: row })), entry);
    });
  }

  #now(): Date {
    return this.#parts.now?.() ?? new Date();
  }
}
