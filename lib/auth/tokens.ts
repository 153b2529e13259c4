/**
 * Tokens of people and of the application: verified once, then remembered for a moment.
 *
 * @module
 */
import type { Principal } from "../principal/principal.ts";
import { BoundedMap } from "./bucket.ts";
import { principalOfClaims, type RoleMap } from "./token_roles.ts";
import { type TokenSource, verifyToken } from "./token_verifier.ts";

/** What {@linkcode Tokens} is made of. */
export interface TokensParts {
  /** No two for one algorithm. */
  readonly sources: readonly TokenSource[];
  readonly roles: RoleMap;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

interface Remembered {
  readonly principal: Principal;
  /** Epoch ms from which it is verified again. */
  readonly until: number;
}

/** How long a verified token isn't verified again, ms: as long as a withdrawn key may still work. */
const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 5_000;

/** Tells whose a token is. */
export class Tokens {
  readonly #sources: readonly TokenSource[];
  readonly #roles: RoleMap;
  readonly #now: () => number;
  readonly #verified = new BoundedMap<Remembered>(MAX_REMEMBERED);

  constructor({ sources, roles, now = () => Date.now() }: TokensParts) {
    this.#sources = sources;
    this.#roles = roles;
    this.#now = now;
  }

  /** The principal of a token that was verified within the last minute; never waits. */
  cached(token: string): Principal | undefined {
    const found = this.#verified.get(token);
    if (found === undefined) return undefined;
    if (this.#now() < found.until) return found.principal;
    this.#verified.delete(token);
    return undefined;
  }

  /**
   * The principal of a token.
   *
   * @throws {AppError} AUTHENTICATION_REQUIRED for every token that isn't good, whatever is wrong.
   * @throws {AppError} ISSUER_UNAVAILABLE when no keys can be had to tell.
   */
  async authenticate(token: string): Promise<Principal> {
    const cached = this.cached(token);
    if (cached !== undefined) return cached;
    const principal = principalOfClaims(await verifyToken(token, this.#sources), this.#roles);
    const until = Math.min(principal.expiresAt!.getTime(), this.#now() + REMEMBER_MS);
    this.#verified.set(token, { principal, until });
    return principal;
  }
}
