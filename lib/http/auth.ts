/**
 * Who asks: from a request's headers to a principal.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { AppError } from "../errors.ts";
import type { Origin, Principal } from "../principal/principal.ts";
import type { AppEnv, CallContext } from "./env.ts";
import { requestIdOf } from "./request_id.ts";

/** From where a request comes; the address is worked out when it is asked for. */
export interface Caller {
  readonly address: string | null;
}

/** What tells the principal of a service key or of a token. */
export interface Auth {
  /**
   * The principal of a credential that is certainly good; never waits.
   *
   * @throws {AppError} RATE_LIMITED
   */
  cached(credential: string, caller: Caller): Principal | undefined;
  /**
   * @throws {AppError} AUTHENTICATION_REQUIRED for every credential that isn't good, RATE_LIMITED
   * while its sender has to wait.
   */
  authenticate(credential: string, caller: Caller): Promise<Principal>;
  /**
   * Counts a request without a credential.
   *
   * @throws {AppError} RATE_LIMITED
   */
  turnAway?(caller: Caller): void;
}

const SCHEME = /^(?:Bearer|ServiceKey) +(\S+)$/i;
/** Names under which keys are sent in URLs elsewhere; a URL is logged by every proxy. */
const QUERY_NAMES = ["token", "access_token", "api_key", "apikey", "clientkey", "service_key"];
const NOWHERE: Caller = { address: null };

/**
 * The service key or token that a request carries: `X-Service-Key: …`, or `Authorization: Bearer …`
 * or `ServiceKey …`.
 *
 * @returns `undefined` when it carries none, `null` when an Authorization header is of another kind.
 */
export function credentialOf(headers: Headers): string | null | undefined {
  const key = headers.get("x-service-key");
  if (key !== null) return key;
  const authorization = headers.get("authorization");
  if (authorization === null) return undefined;
  // The usual spelling first, without a regular expression.
  if (authorization.startsWith("Bearer fxsk_")) return authorization.slice("Bearer ".length);
  return SCHEME.exec(authorization)?.[1] ?? null;
}

/**
 * Who sent a request. Answers at once, without a promise, when the key was seen lately.
 *
 * @param credential What {@linkcode credentialOf} has found in its headers.
 * @throws {AppError} AUTHENTICATION_REQUIRED without a good key, RATE_LIMITED.
 */
export function principalOf(
  c: CallContext,
  auth: Auth,
  credential: string | null | undefined,
): Principal | Promise<Principal> {
  const caller = callerOf(c);
  if (credential != null) {
    return auth.cached(credential, caller) ?? auth.authenticate(credential, caller);
  }
  auth.turnAway?.(caller);
  if (credential === null) throw refused("Authorization must be: Bearer <key or token>");
  throw refused(
    "Authentication required. Send a service key as Authorization: Bearer or X-Service-Key",
  );
}

/** From where a request comes. */
export function callerOf(c: CallContext): Caller {
  // `in` doesn't work the address out.
  const env: Partial<Caller> = c.env ?? {};
  return "address" in env ? env as Caller : NOWHERE;
}

/** The same with the request's id, for the record. */
export function originOf(c: CallContext): Origin {
  return { address: callerOf(c).address, requestId: requestIdOf(c) };
}

/** Lets nobody by without a good key in a header. */
export function requireKey(auth: Auth): MiddlewareHandler<AppEnv> {
  return async function requireKey(c, next) {
    refuseKeyInUrl(c.req.url);
    const found = principalOf(c, auth, credentialOf(c.req.raw.headers));
    const principal = found instanceof Promise ? await found : found;
    c.set("principal", { ...principal, origin: originOf(c) });
    await next();
  };
}

function refuseKeyInUrl(url: string): void {
  const at = url.indexOf("?");
  if (at < 0) return;
  const query = new URLSearchParams(url.slice(at + 1));
  if (QUERY_NAMES.some((name) => query.has(name))) {
    throw refused(
      "A key in the URL is refused: send it in a header, and replace it, since URLs are logged",
    );
  }
}

function refused(message: string): AppError {
  return new AppError("AUTHENTICATION_REQUIRED", message);
}
