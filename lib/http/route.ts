/**
 * Which route a request is about.
 *
 * @module
 */
import { matchedRoutes } from "hono/route";
import type { AppContext } from "./env.ts";

/**
 * The path of the route that answers, as it was mounted. Where several match, as `/submit` and
 * `/:id` do, the first one answers; what has a `*` only stands around it.
 */
export function routeOf(c: AppContext): string {
  const routes = matchedRoutes(c);
  return (routes.find(({ path }) => !path.includes("*")) ?? routes.at(-1))?.path ?? "";
}
