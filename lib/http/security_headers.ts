/**
 * Headers of every answer of the API.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./env.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "./request_id.ts";

/** No cache keeps an answer, and no browser takes it for anything but data. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Adds the headers and the request id. */
export function securityHeaders(): MiddlewareHandler<AppEnv> {
  return async function securityHeaders(c, next) {
    // Before the handler: headers of a response that is made are dearer to change.
    for (const name in SECURITY_HEADERS) c.header(name, SECURITY_HEADERS[name]);
    c.header(REQUEST_ID_HEADER, requestIdOf(c));
    await next();
  };
}
