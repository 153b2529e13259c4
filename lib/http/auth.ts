/**
 * Who asks: from a request's headers to a principal.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { AppError } from "../errors.ts";
import type { Principal } from "../principal/principal.ts";
import type { AppEnv } from "./env.ts";

/** What tells the principal of a service key. */
export interface Auth {
  /** The principal of a key that is certainly good; never waits. */
  cached(token: string): Principal | undefined;
  /** @throws {AppError} AUTHENTICATION_REQUIRED for every key that isn't good. */
  authenticate(token: string): Promise<Principal>;
}

const SCHEME = /^(?:Bearer|ServiceKey) +(\S+)$/i;
/** Names under which keys are sent in URLs elsewhere; a URL is logged by every proxy. */
const QUERY_NAMES = ["token", "access_token", "api_key", "apikey", "clientkey", "service_key"];

/**
 * The service key that a request carries: `X-Service-Key: …`, or `Authorization: Bearer …` or
 * `ServiceKey …`.
 *
 * @returns `undefined` when it carries none.
 * @throws {AppError} AUTHENTICATION_REQUIRED when an Authorization header is of another kind.
 */
export function serviceKeyOf(headers: Headers): string | undefined {
  const key = headers.get("x-service-key");
  if (key !== null) return key;
  const authorization = headers.get("authorization");
  if (authorization === null) return undefined;
  // The usual spelling first, without a regular expression.
  if (authorization.startsWith("Bearer fxsk_")) return authorization.slice("Bearer ".length);
  const found = SCHEME.exec(authorization);
  if (found?.[1] === undefined) throw refused("Authorization must be: Bearer <service key>");
  return found[1];
}

/**
 * Who sent a request. Answers at once, without a promise, when the key was seen lately.
 *
 * @throws {AppError} AUTHENTICATION_REQUIRED without a good key.
 */
export function principalOf(headers: Headers, auth: Auth): Principal | Promise<Principal> {
  const key = serviceKeyOf(headers);
  if (key === undefined) {
    throw refused(
      "Authentication required. Send a service key as Authorization: Bearer or X-Service-Key",
    );
  }
  return auth.cached(key) ?? auth.authenticate(key);
}

/** Lets nobody by without a good key in a header. */
export function requireKey(auth: Auth): MiddlewareHandler<AppEnv> {
  return async function requireKey(c, next) {
    refuseKeyInUrl(c.req.url);
    const principal = principalOf(c.req.raw.headers, auth);
    c.set("principal", principal instanceof Promise ? await principal : principal);
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
