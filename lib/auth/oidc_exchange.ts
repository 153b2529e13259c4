/**
 * Exchange: a CI job or a pod shows the token that its platform gave it, and gets a service key for
 * some minutes.
 *
 * What it gets is a row like any other key's, and not a token signed here: it goes the same way
 * through look-up, limits, grants and the record, is listed and can be revoked at once, and there is
 * no second format whose verification could be wrong. It costs one insert an exchange, and expired
 * rows are swept.
 *
 * @module
 */
import { decodeJwt, type JWTPayload } from "jose";
import { matchesGlob } from "../principal/glob.ts";
import type { OidcIssuer, OidcRule } from "./oidc_config.ts";
import type { Origin } from "../principal/principal.ts";
import type { IssuedServiceKey, ServiceKeySpec } from "./new_service_key.ts";
import { invalidToken, type TokenSource, verifyToken } from "./token_verifier.ts";

/** Makes the key. */
export interface KeyMaker {
  exchange(
    by: string,
    spec: ServiceKeySpec & { expiresAt: Date },
    origin?: Origin,
  ): Promise<IssuedServiceKey>;
}

/** A trusted issuer with its keys. */
export interface TrustedIssuer extends OidcIssuer {
  readonly key: TokenSource["key"];
}

/** What an {@linkcode OidcExchange} is made of. */
export interface OidcExchangeParts {
  readonly issuers: readonly TrustedIssuer[];
  readonly keys: KeyMaker;
  readonly now?: () => Date;
}

const MAX_NAME = 100;

/** Trades tokens for keys. */
export class OidcExchange {
  readonly #issuers: readonly TrustedIssuer[];
  readonly #keys: KeyMaker;
  readonly #now: () => Date;

  constructor({ issuers, keys, now = () => new Date() }: OidcExchangeParts) {
    this.#issuers = issuers;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * Trades a token.
   *
   * @param origin Where the request came from, for the record.
   * @throws {AppError} AUTHENTICATION_REQUIRED for every token that isn't good or that no rule is
   * about, whatever is wrong.
   * @throws {AppError} ISSUER_UNAVAILABLE when the issuer's keys can't be had.
   */
  async exchange(token: string, origin?: Origin): Promise<IssuedServiceKey> {
    const trusted = this.#issuerOf(token);
    const claims = await verifyToken(token, [trusted]);
    const rule = trusted.rules.find(({ claims: bound }) => matches(claims, bound));
    if (rule === undefined) throw invalidToken();
    const spec = this.#spec(trusted, claims, rule);
    return await this.#keys.exchange(`oidc:${trusted.name}`, spec, origin);
  }

  #spec({ name }: TrustedIssuer, claims: JWTPayload, { grants, lifeMs }: OidcRule) {
    const subject = String(claims.sub ?? "").replace(/[^\x20-\x7e]/g, "?");
    return {
      name: `${name} ${subject}`.slice(0, MAX_NAME),
      grants,
      expiresAt: new Date(this.#now().getTime() + lifeMs),
    };
  }

  #issuerOf(token: string): TrustedIssuer {
    let issuer: unknown;
    try {
      issuer = decodeJwt(token).iss;
    } catch {
      throw invalidToken();
    }
    const trusted = this.#issuers.find((each) => each.issuer === issuer);
    if (trusted === undefined) throw invalidToken();
    return trusted;
  }
}

function matches(claims: JWTPayload, bound: OidcRule["claims"]): boolean {
  return [...bound].every(([claim, globs]) => {
    const values = Object.hasOwn(claims, claim) ? [claims[claim]].flat() : [];
    return values.some((value) =>
      isScalar(value) && globs.some((glob) => matchesGlob(glob, String(value)))
    );
  });
}

function isScalar(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}
