/**
 * Whether the server lives, and whether it is ready. The only routes without a key.
 *
 * @module
 */
import { Hono } from "hono";
import type { Log } from "../log.ts";
import type { AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { errorHandler, notFound } from "./problem.ts";
import { securityHeaders } from "./security_headers.ts";

/** Checks one part: returns, or resolves, when it is well, and throws otherwise. */
export type HealthCheck = () => void | Promise<void>;

/** What must be well for the server to be ready, by name, such as `database`. */
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

/** How long a check may take, in ms. */
const PATIENCE_MS = 2_000;

/**
 * Serves `/healthz` (the process answers) and `/readyz` (each part told apart; 503 when one fails).
 * A part's error stays inside: these routes are open to anybody.
 */
export function healthRoutes(checks: HealthChecks): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use("/healthz", securityHeaders());
  app.use("/readyz", securityHeaders());
  mountMethods(app, "/healthz", { GET: (c) => c.json({ status: "ok" }) });
  mountMethods(app, "/readyz", {
    GET: async (c) => {
      const names = Object.keys(checks);
      const states = await Promise.all(names.map((name) => stateOf(checks[name]!)));
      const ready = states.every((state) => state === "ok");
      const body = Object.fromEntries(names.map((name, i) => [name, states[i]]));
      return c.json({ status: ready ? "ready" : "unavailable", checks: body }, ready ? 200 : 503);
    },
  });
  return app;
}

/** The app of a process that runs jobs and answers nobody but those who ask how it is. */
export function workerApp(checks: HealthChecks, log: Log): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.onError(errorHandler(log));
  app.notFound(notFound);
  app.route("/", healthRoutes(checks));
  return app;
}

async function stateOf(check: HealthCheck): Promise<"ok" | "failed"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Health check is late")), PATIENCE_MS);
  });
  try {
    await Promise.race([Promise.resolve().then(check), late]);
    return "ok";
  } catch {
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}
