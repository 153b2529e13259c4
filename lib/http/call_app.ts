/**
 * The way to functions, before every other: calls are what a server spends its life on, so they
 * pass one pattern instead of the router of the whole API.
 *
 * @module
 */
import { Hono } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Log } from "../log.ts";
import type { AppEnv } from "./env.ts";
import { invoke, type InvokeParts } from "./invoke.ts";
import { errorHandler } from "./problem.ts";

const CALL = /^https?:\/\/[^/]+\/api\/v1\/functions\/[^/?]+\/invoke(?:\?|$)/;

/** What serves a request. */
export type Fetch = (
  request: Request,
  bindings: AppEnv["Bindings"],
) => Response | Promise<Response>;

/**
 * Puts the calls before the app. They are the same routes as in it, with the same errors.
 *
 * @param app Serves everything else.
 */
export function withCallsFirst(
  app: Hono<AppEnv>,
  parts: InvokeParts & { readonly log: Log },
): Fetch {
  const calls = new Hono<AppEnv>({ router: new RegExpRouter() });
  calls.onError(errorHandler(parts.log));
  calls.all("/api/v1/functions/:name/invoke", (c) => invoke(c, parts));
  return (request, bindings) =>
    CALL.test(request.url) ? calls.fetch(request, bindings) : app.fetch(request, bindings);
}
