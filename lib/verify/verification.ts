/**
 * Verifying everything that is stored, and taking what is there for right once somebody has looked.
 *
 * @module
 */
import { actorOf } from "../audit/actor.ts";
import type { Actor } from "../audit/entry.ts";
import { AppError } from "../errors.ts";
import { can, type Principal } from "../principal/principal.ts";
import type { SetName } from "../resolve/head.ts";
import { type Namespace, parseNamespace } from "../resolve/ref.ts";
import type { VerifyPart } from "./part.ts";
import { verifyAll, type VerifyEvent } from "./verify.ts";

/** The name of the global scope where places are named. */
export const GLOBAL = "@global";

/** How rows are accepted. */
export interface AcceptOptions {
  /** Whether rows that are not as they were written are removed; else they keep it from happening. */
  readonly discard: boolean;
}

/** The same with who accepts. */
export interface AcceptWith extends AcceptOptions {
  readonly actor: Actor;
}

/** What was accepted. */
export interface Accepted {
  /** Rows that count from now on. */
  readonly accepted: number;
  /** Rows that were removed since they are not as they were written. */
  readonly discarded: number;
}

/** Takes the rows of one set for the right ones. */
export type Accept = (options: AcceptWith) => Promise<Accepted>;

/** What a verification is made of. */
export interface VerificationParts {
  readonly parts: readonly VerifyPart[];
  /** Takes the secrets of the global scope (`null`) or of a namespace for the right ones. */
  acceptPlace(place: Namespace | null, options: AcceptWith): Promise<Accepted>;
  /** The same for sets of other rows. */
  readonly acceptSets: Readonly<Record<SetName, Accept>>;
  /** Told of everything that was accepted. */
  onAccept?(name: string, by: string, accepted: Accepted): void;
}

/** Verifies and accepts, for who may. */
export class Verification {
  readonly #parts: VerificationParts;

  /** Reads nothing yet. */
  constructor(parts: VerificationParts) {
    this.#parts = parts;
  }

  /**
   * Walks through everything that is stored.
   *
   * @throws {AppError} ACCESS_DENIED without `keys:admin` over everything.
   */
  verify(principal: Principal): AsyncGenerator<VerifyEvent> {
    administer(principal);
    return verifyAll(this.#parts.parts);
  }

  /**
   * Takes the rows that are there now for the right ones.
   *
   * @param name A namespace, {@linkcode GLOBAL}, or the name of a set such as `@service_keys`.
   * @throws {AppError} ACCESS_DENIED without `keys:admin`, NOT_FOUND for an unknown set,
   * INTEGRITY_VIOLATION when rows are damaged and not to be discarded.
   */
  async accept(principal: Principal, name: string, options: AcceptOptions): Promise<Accepted> {
    administer(principal);
    const { acceptPlace, acceptSets, onAccept } = this.#parts;
    const acceptSet = acceptSets[name as SetName];
    let accepted: Accepted;
    const how = { ...options, actor: actorOf(principal) };
    if (name === GLOBAL) accepted = await acceptPlace(null, how);
    else if (acceptSet !== undefined) accepted = await acceptSet(how);
    else if (!name.startsWith("@")) accepted = await acceptPlace(parseNamespace(name), how);
    else throw new AppError("NOT_FOUND", "There is no set of this name");
    onAccept?.(name, principal.id, accepted);
    return accepted;
  }
}

/** The error for rows that keep others from being accepted. */
export function damagedRows(count: number): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `${count} ${
      count === 1 ? "row is" : "rows are"
    } not as written; accepting discards them only ` +
      "when told to",
  );
}

function administer(principal: Principal): void {
  if (can(principal, "keys:admin", { namespace: null })) return;
  throw new AppError("ACCESS_DENIED", "Insufficient permissions: keys:admin is not granted here");
}
