/**
 * Who is it? Service keys and tokens, behind limits.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { Authenticator } from "./authenticator.ts";
import { type Caller, NOWHERE } from "./caller.ts";
import type { Limits } from "./limits.ts";
import { claimedId, isServiceKeyLike } from "./service_key_text.ts";
import type { Tokens } from "./tokens.ts";

/** What an {@linkcode Authentication} is made of. */
export interface AuthenticationParts {
  readonly keys: Authenticator;
  /** Tokens of people; `null` when none are accepted. */
  readonly tokens: Tokens | null;
  readonly limits: Limits;
}

/** Tells who shows a key or a token. */
export class Authentication {
  readonly #keys: Authenticator;
  readonly #tokens: Tokens | null;
  readonly #limits: Limits;
  /** Attempts under way, by address and credential. */
  readonly #underWay = new Map<string, Promise<Principal>>();

  constructor({ keys, tokens, limits }: AuthenticationParts) {
    this.#keys = keys;
    this.#tokens = tokens;
    this.#limits = limits;
  }

  /**
   * Whose credential it is, if it was verified before and is certainly still good; never waits.
   *
   * @throws {AppError} RATE_LIMITED when the key may not be used this often.
   */
  cached(credential: string, caller: Caller = NOWHERE): Principal | undefined {
    const principal = isServiceKeyLike(credential)
      ? this.#keys.cached(credential, caller)
      : this.#tokens?.cached(credential);
    if (principal !== undefined) this.#limits.spend(principal.id);
    return principal;
  }

  /**
   * Whose credential it is. One that was verified before is let through a lock: a lock is against
   * guessing, and nobody can lock out those who are at work.
   *
   * @throws {AppError} AUTHENTICATION_REQUIRED for every credential that isn't good.
   * @throws {AppError} RATE_LIMITED while the address or the key's id is locked.
   */
  async authenticate(credential: string, caller: Caller = NOWHERE): Promise<Principal> {
    const isKey = isServiceKeyLike(credential);
    if (isKey && this.#keys.remembers(credential)) return await this.#check(credential, caller);
    return await this.#joined(credential, caller, () => {
      const keyId = isKey ? claimedId(credential) : null;
      return this.attempt(caller, () => this.#check(credential, caller), keyId);
    });
  }

  /**
   * Requests that show the same thing from the same place at the same time are one attempt: a
   * client that begins with a hundred of them guesses nothing.
   */
  async #joined(
    credential: string,
    { address }: Caller,
    attempt: () => Promise<Principal>,
  ): Promise<Principal> {
    const key = `${address} ${credential}`;
    let underWay = this.#underWay.get(key);
    if (underWay === undefined) {
      underWay = attempt().finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, underWay);
    }
    return await underWay;
  }

  /**
   * Runs an attempt to show who one is: refused while the address or the key is locked, and counted
   * when it fails.
   *
   * @throws {AppError} RATE_LIMITED, or what `check` throws.
   */
  async attempt<T>(
    { address }: Caller,
    check: () => Promise<T>,
    keyId: string | null = null,
  ): Promise<T> {
    this.#limits.begin(address, keyId);
    try {
      const found = await check();
      this.#limits.succeed(address);
      return found;
    } catch (error) {
      const refused = error instanceof AppError && error.code === "AUTHENTICATION_REQUIRED";
      if (refused) this.#limits.fail(address, keyId);
      // That the database is away is nobody's guess at a key.
      else this.#limits.succeed(address);
      throw error;
    }
  }

  /**
   * Counts a request that shows nothing at all.
   *
   * @throws {AppError} RATE_LIMITED when there are too many from one address.
   */
  turnAway({ address }: Caller): void {
    this.#limits.begin(address, null);
  }

  async #check(credential: string, caller: Caller): Promise<Principal> {
    const principal = isServiceKeyLike(credential)
      ? await this.#keys.authenticate(credential, caller)
      : await this.#token(credential);
    this.#limits.spend(principal.id);
    return principal;
  }

  #token(credential: string): Promise<Principal> {
    if (this.#tokens !== null) return this.#tokens.authenticate(credential);
    throw new AppError("AUTHENTICATION_REQUIRED", "Invalid service key");
  }
}
