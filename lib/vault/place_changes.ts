/**
 * What all changes of whole places have in common: who makes them, and who is told.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { Sql } from "../store/sql.ts";
import type { ChangeContext } from "./changes.ts";
import type { HeadKeeper, PlacesTransaction, SecretPlace } from "./head_keeper.ts";

/** With what places are changed; see `VaultParts`. */
export interface PlaceTools {
  readonly sql: Sql;
  readonly ring: KeyRing;
  readonly keeper: HeadKeeper;
  /** Told of a place where something may have changed. */
  readonly resolver: { invalidate(namespace: Namespace | null): void };
  /** How many versions are kept; `null` is no limit. */
  readonly keepVersions: number | null;
  readonly now: () => Date;
}

/** Who changes something now. */
export function contextOf(
  { ring, now, keepVersions }: Pick<PlaceTools, "ring" | "now" | "keepVersions">,
  principal: Principal,
): ChangeContext {
  return { ring, now: now(), by: principal.id, actor: actorOf(principal), keepVersions };
}

/** Runs `work` in a transaction of these places, and tells of them whatever came of it. */
export async function changePlaces<T>(
  { keeper, resolver }: Pick<PlaceTools, "keeper" | "resolver">,
  places: readonly SecretPlace[],
  work: (transaction: PlacesTransaction) => Promise<T>,
): Promise<T> {
  try {
    return await keeper.transact(places, work);
  } finally {
    // Also after an error: a connection that broke may have broken after the commit.
    for (const place of places) resolver.invalidate(place);
  }
}

/** The error for changes that are not of what is stored any more. */
export function changedMeanwhile(): AppError {
  return new AppError("CONFLICT", "Secrets were changed meanwhile");
}
