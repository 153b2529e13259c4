/**
 * The key ring for those who administer it: who may, what they see, what they can do.
 *
 * @module
 */
import type { KeyPurpose, WrappedKey } from "../crypto/wrap.ts";
import { AppError } from "../errors.ts";
import { holds, type Principal } from "../principal/principal.ts";
import type { KeyAdmin, KeyLimits, ListedKey } from "./key_admin.ts";
import type { RenewalState, Renewer } from "./renewer.ts";
import type { RingKeeper } from "./ring_keeper.ts";
import { type RingReport, verifyRing } from "./verify_ring.ts";

/** How a new root key is made and put in the place of the present one. */
export interface RootRenewal {
  /** Keeps a new root in front of the present one, on the disk when this resolves. */
  begin(): Promise<void>;
  /** Leaves the new one alone, once everything is sealed under it; the old one is put aside. */
  end(): Promise<void>;
  /** Removes the old one for good. @returns Whether there was one. */
  forget(): Promise<boolean>;
}

/** What a service is made of. */
export interface KeyServiceParts {
  readonly keeper: RingKeeper;
  readonly admin: KeyAdmin;
  readonly renewer: Renewer;
  /** Where the roots come from, for people. */
  readonly from: string;
  readonly limits: KeyLimits;
  readonly rootRenewal: RootRenewal | null;
  close(): Promise<void>;
}

/** The ring as it is. */
export interface RingState {
  readonly roots: { readonly active: string; readonly held: readonly string[]; from: string };
  readonly keys: readonly ListedKey[];
  readonly renewal: RenewalState;
}

/** Looks after the ring. */
export class KeyService {
  readonly #parts: KeyServiceParts;

  constructor(parts: KeyServiceParts) {
    this.#parts = parts;
  }

  /** Every key, how much is under it, and how far making anew has come. */
  async list(principal: Principal): Promise<RingState> {
    administer(principal);
    const { keeper, admin, renewer, from } = this.#parts;
    const held = keeper.roots.map(({ id }) => id);
    const keys = await admin.list();
    return { roots: { active: held[0]!, held, from }, keys, renewal: renewer.state };
  }

  /**
   * Makes new primary keys, and begins to make everything anew under them.
   *
   * @returns The new keys' ids by purpose.
   */
  async rotate(
    principal: Principal,
    purposes?: readonly KeyPurpose[],
  ): Promise<Partial<Record<KeyPurpose, string>>> {
    administer(principal);
    const made = await this.#parts.admin.rotate(purposes);
    return Object.fromEntries(made.map(({ purpose, id }) => [purpose, id]));
  }

  /**
   * Seals the ring under the active root.
   *
   * @param newRoot Whether a new root is made first.
   * @throws {AppError} INVALID_INPUT where the root isn't ours to make.
   */
  async rewrap(
    principal: Principal,
    newRoot: boolean,
  ): Promise<{ rootId: string; rewrapped: number }> {
    administer(principal);
    const { admin, keeper, rootRenewal } = this.#parts;
    if (!newRoot) return await admin.rewrap();
    if (rootRenewal === null) {
      throw new AppError(
        "INVALID_INPUT",
        "A new root key is made here only for the one in the data directory; put yours first in " +
          "the setting, and rewrap",
      );
    }
    await rootRenewal.begin();
    const result = await admin.rewrap();
    await rootRenewal.end();
    await keeper.readRoots();
    return result;
  }

  /** Puts a key out of use for good; see `KeyAdmin.retire`. */
  async retire(principal: Principal, id: string): Promise<void> {
    administer(principal);
    await this.#parts.admin.retire(id);
  }

  /** Reads roots and ring anew, and tells what is wrong; for the walk over all that is stored. */
  report(): Promise<RingReport> {
    return verifyRing(this.#parts.keeper, this.#parts.admin);
  }

  /**
   * Reads roots and ring anew, and looks whether everything that is used can be opened.
   *
   * @param forgetOldRoot Whether the root that was put aside is removed, if all is well.
   */
  async verify(
    principal: Principal,
    forgetOldRoot: boolean,
  ): Promise<RingReport & { oldRootForgotten: boolean }> {
    administer(principal);
    const { keeper, admin, rootRenewal } = this.#parts;
    const report = await verifyRing(keeper, admin);
    const forget = forgetOldRoot && report.problems.length === 0 && report.otherRoots.length === 0;
    const oldRootForgotten = forget && (await rootRenewal?.forget() ?? false);
    return { ...report, oldRootForgotten };
  }

  /** Makes new keys for those that have done their time, and says which were made. */
  async tidy(): Promise<WrappedKey[]> {
    const { admin, limits, keeper, renewer } = this.#parts;
    const made = await admin.rotateIfDue(limits);
    if (keeper.hasOldKeys) renewer.wake();
    return made;
  }

  /**
   * For health: throws when rows were met whose keys can't be had. A ring that is sealed under a root
   * that isn't held here doesn't count while everything can still be read.
   */
  check(): void {
    const { keeper } = this.#parts;
    if (keeper.isBehind) throw keeper.problem;
  }

  /** Resolves when nothing is being made anew. */
  settled(): Promise<void> {
    return this.#parts.renewer.settled();
  }

  /** Ends it after what is under way. */
  close(): Promise<void> {
    return this.#parts.close();
  }
}

/** The ring is about everything, so it takes `keys:admin` over everything. */
function administer(principal: Principal): void {
  const grant = { actions: ["keys:admin"], namespaces: ["*"], names: ["*"] } as const;
  if (holds(principal, grant)) return;
  throw new AppError(
    "ACCESS_DENIED",
    "Insufficient permissions: keys:admin over everything is not granted",
  );
}
