/**
 * One log line for each request.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Log } from "../log.ts";
import type { AppEnv } from "./env.ts";
import { routeOf } from "./route.ts";
import { requestIdOf } from "./request_id.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Logs the route, not the path: what a client puts into a path may be anything. */
export function requestLog(log: Log): MiddlewareHandler<AppEnv> {
  return async function requestLog(c, next) {
    const startedAt = performance.now();
    await next();
    log.info("request", {
      request_id: requestIdOf(c),
      method: METHODS.has(c.req.method) ? c.req.method : "other",
      route: routeOf(c),
      status: c.res.status,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      principal: c.get("principal")?.id,
    });
  };
}
