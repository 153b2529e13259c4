import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import { AppError } from "../../lib/errors.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { mountMethods } from "../../lib/http/methods.ts";
import { routeOf } from "../../lib/http/route.ts";

/** Requests, and the route that answers each; of some there are two that match. */
const CASES: readonly (readonly [request: string, route: string])[] = [
  ["POST /api/jobs/submit", "/api/jobs/submit"],
  ["GET /api/jobs/submit", "/api/jobs/submit"],
  ["GET /api/jobs/7", "/api/jobs/:id"],
  ["PUT /api/jobs/7", "/api/jobs/:id"],
  ["POST /api/jobs/7/cancel", "/api/jobs/:id/cancel"],
  ["POST /api/jobs/bulk", "/api/jobs/bulk"],
  ["GET /api/jobs/bulk", "/api/jobs/:id"],
  ["GET /api/jobs/7/no/route", "/api/jobs/*"],
  ["POST /api/jobs/denied", "/api/jobs/denied"],
];

Deno.test("routeOf() is the route that answers, also where another one matches", async (t) => {
  const seen: string[] = [];
  const jobs = new Hono<AppEnv>({ strict: false });
  const answer = () => new Response("answered");
  mountMethods(jobs, "/submit", { POST: answer });
  jobs.post("/bulk", answer);
  mountMethods(jobs, "/denied", {
    POST: () => {
      throw new AppError("ACCESS_DENIED", "No");
    },
  });
  mountMethods(jobs, "/:id", { GET: answer });
  mountMethods(jobs, "/:id/cancel", { POST: answer });
  const app = new Hono<AppEnv>({ strict: false });
  app.onError(() => new Response("failed", { status: 500 }));
  app.use("/api/jobs/*", async (c, next) => {
    await next();
    seen.push(routeOf(c));
  });
  app.route("/api/jobs", jobs);
  for (const [request, route] of CASES) {
    await t.step(request, async () => {
      const [method, path] = request.split(" ") as [string, string];
      await app.request(path, { method });
      assertEquals(seen.pop(), route);
    });
  }
});
