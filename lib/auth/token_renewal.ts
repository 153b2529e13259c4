/**
 * What is stored of a service key is made anew under the newest token key when the key is used: that
 * takes the key's text, which nobody else has.
 *
 * @module
 */
import { SYSTEM } from "../audit/actor.ts";
import { macKeyId } from "../crypto/envelope.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import type { RowSetStore } from "../store/row_sets.ts";
import { findServiceKeyById, type ServiceKeyRow, updateServiceKey } from "../store/service_keys.ts";
import type { Sql } from "../store/sql.ts";
import {
  changeServiceKeyRow,
  keyEntry,
  tokenMessage,
  verifyServiceKeyRow,
} from "./service_key_rows.ts";

/** What a renewal is made of. */
export interface TokenRenewalParts {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly set: RowSetStore;
  readonly onError: (error: unknown) => void;
}

/** Does it behind the request that brought the key. */
export class TokenRenewal {
  readonly #parts: TokenRenewalParts;
  /** By the key's id. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: TokenRenewalParts) {
    this.#parts = parts;
  }

  /** Looks at a key that was just verified. */
  note(row: ServiceKeyRow, token: string): void {
    if (!this.#isOld(row) || this.#running.has(row.id)) return;
    const run = this.#renew(row.id, token)
      .catch((error) => this.#parts.onError(error))
      .finally(() => this.#running.delete(row.id));
    this.#running.set(row.id, run);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #renew(id: string, token: string): Promise<void> {
    const { sql, ring, set } = this.#parts;
    const message = tokenMessage(token);
    await set.transact(sql, async (tx, change) => {
      const before = await findServiceKeyById(tx, id);
      if (before === undefined || !this.#isOld(verifyServiceKeyRow(ring, before))) return;
      // The one that was replaced is good for a while and goes by itself.
      if (!ring.verifyMac("token", message, before.tokenMac)) return;
      const after = changeServiceKeyRow(ring, before, { tokenMac: ring.mac("token", message) });
      if (!await updateServiceKey(tx, before, after)) return;
      await change([{ before, after }], keyEntry("key.renew", SYSTEM, after));
    });
  }

  #isOld({ tokenMac }: ServiceKeyRow): boolean {
    return macKeyId(tokenMac) !== this.#parts.ring.primaryId("token");
  }
}
