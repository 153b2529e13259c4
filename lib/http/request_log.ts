/**
 * One log line for each request.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Log } from "../log.ts";
import type { AppEnv } from "./env.ts";
import { knownMethod } from "./methods.ts";
import { requestIdOf } from "./request_id.ts";
import { routeOf } from "./route.ts";

/** Logs the route, not the path: what a client puts into a path may be anything. */
export function requestLog(log: Log): MiddlewareHandler<AppEnv> {
  return async function requestLog(c, next) {
    const startedAt = performance.now();
    await next();
    log.info("request", {
      request_id: requestIdOf(c),
      method: knownMethod(c.req.method),
      route: routeOf(c),
      status: c.res.status,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      principal: c.get("principal")?.id,
    });
  };
}
