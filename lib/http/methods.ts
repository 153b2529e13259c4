/**
 * Routes that answer for every method: those they have, OPTIONS, and 405 for the rest.
 *
 * @module
 */
import type { Handler, Hono } from "hono";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./env.ts";

/** The methods that a path may have. HEAD comes with GET. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Mounts `handlers` at `path`. */
export function mountMethods(
  app: Hono<AppEnv>,
  path: string,
  handlers: Partial<Record<Method, Handler<AppEnv>>>,
): void {
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
  const allow = [...Object.keys(handlers), ...("GET" in handlers ? ["HEAD"] : []), "OPTIONS"]
    .join(", ");
  app.all(path, function otherMethod(c) {
    if (c.req.method === "OPTIONS") return c.body(null, 204, { allow });
    throw new AppError("METHOD_NOT_ALLOWED", "Method not allowed", { headers: { allow } });
  });
}

const KNOWN = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** A request's method as it is put on record: a client may call its own anything, a key too. */
export function knownMethod(method: string): string {
  return KNOWN.has(method) ? method : "other";
}
