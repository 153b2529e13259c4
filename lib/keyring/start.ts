/**
 * Joins everything that keeps the key ring: opened before all else, served once the rest is there.
 *
 * @module
 */
import { addSeals, KEYRING_CHANNEL } from "../store/data_keys.ts";
import type { Database } from "../store/sql.ts";
import { gateDatabase } from "./gate.ts";
import { KeyAdmin, type KeyLimits } from "./key_admin.ts";
import { KeyService, type RootRenewal } from "./key_service.ts";
import { Renewer } from "./renewer.ts";
import { RingKeeper } from "./ring_keeper.ts";
import type { RootProvider } from "./root.ts";
import { SealCounter } from "./seal_counter.ts";
import type { SealedTable } from "./sealed_table.ts";

/** What {@linkcode openKeyring} needs. */
export interface KeyringParts {
  readonly database: Database;
  readonly provider: RootProvider;
  /** Told what goes wrong behind, and what was done. */
  readonly onEvent: (what: string, detail: unknown) => void;
}

/** The rest, which is there once the ring is open. */
export interface KeyServiceParts {
  /** What uses keys of the ring. */
  readonly tables: readonly SealedTable[];
  readonly limits: KeyLimits;
  /** How a new root is made, where that is ours to do. */
  readonly rootRenewal: RootRenewal | null;
  /** Called when another ring was taken over: what was checked under the old one is forgotten. */
  readonly onChange: () => void;
}

/** An open ring. */
export interface OpenedKeyring {
  readonly keeper: RingKeeper;
  /** The same database, through the gate: rows wait for keys that are not known yet. */
  readonly database: Database;
  /** Starts listening, counting, and making anew what is under old keys. */
  serve(parts: KeyServiceParts): Promise<KeyService>;
}

/** How often seals are counted, ms. */
const COUNT_MS = 10_000;

/**
 * Opens the ring, and makes it on a new database.
 *
 * @throws {AppError} As `RingKeeper.open` does.
 */
export async function openKeyring(parts: KeyringParts): Promise<OpenedKeyring> {
  const { database: inner, provider, onEvent } = parts;
  let changed = () => {};
  const keeper = await RingKeeper.open({
    sql: inner.sql,
    provider,
    onProblem: (error) => onEvent("key ring not read", error),
    onChange: () => changed(),
  });
  const database = gateDatabase(inner, keeper);
  return {
    keeper,
    database,
    async serve({ tables, limits, rootRenewal, onChange }) {
      const { ring } = keeper;
      const renewer = new Renewer({
        database,
        ring,
        tables,
        onError: (error) => onEvent("renewal", error),
        onDone: (state) => onEvent("renewed", state),
      });
      changed = () => {
        onChange();
        if (keeper.hasOldKeys) renewer.wake();
      };
      const reload = () => void keeper.reload();
      const subscription = await inner.listen(KEYRING_CHANNEL, reload, reload);
      const counter = new SealCounter({ add: (seals) => addSeals(inner.sql, seals) });
      const count = () =>
        counter.note(ring.takeSeals()).catch((error) => onEvent("seals not counted", error));
      await counter.note(new Map([[ring.primaryId("value"), 0]]));
      const timer = setInterval(count, COUNT_MS);
      Deno.unrefTimer(timer);
      if (keeper.hasOldKeys) renewer.wake();
      return new KeyService({
        keeper,
        renewer,
        admin: new KeyAdmin({ sql: database.sql, keeper, tables }),
        from: provider.from,
        limits,
        rootRenewal,
        async close() {
          clearInterval(timer);
          changed = () => {};
          await subscription.close();
          await renewer.close();
          await count();
        },
      });
    },
  };
}
