/**
 * The HTTP app: which part serves which path, in one table.
 *
 * @module
 */
import { Hono } from "hono";
import type { AuditSink } from "../audit/entry.ts";
import type { Log } from "../log.ts";
import type { Vault } from "../vault/vault.ts";
import { recordActions } from "./actions.ts";
import { type Auth, requireKey } from "./auth.ts";
import type { ErrorWitness } from "./denials.ts";
import type { AppEnv } from "./env.ts";
import { type HealthChecks, healthRoutes } from "./health.ts";
import { errorHandler, notFound } from "./problem.ts";
import { requestLog } from "./request_log.ts";
import type { UsageReader } from "./secret_usage.ts";
import { namedSecretRoutes, secretRoutes } from "./secrets.ts";
import { securityHeaders } from "./security_headers.ts";

/** What the app is made of. */
export interface AppParts {
  readonly vault: Vault;
  /** Knows who uses secrets; left out, nobody is told. */
  readonly usage?: UsageReader;
  readonly auth: Auth;
  readonly health: HealthChecks;
  readonly log: Log;
  /** Told of every error. */
  readonly witness?: ErrorWitness;
  /** Where actions that leave no record by themselves are recorded. */
  readonly audit?: AuditSink;
  /**
   * Serves `/api/v1/functions`. It stands for itself: no middleware of this app runs around it, so
   * that a call has as few hops as can be, and answers go out as the function made them.
   */
  readonly functions: Hono<AppEnv>;
  /** Further parts, by path; each gets the key check, the log and the headers. */
  readonly mounts?: Readonly<Record<string, Hono<AppEnv>>>;
  /** Serves `/api/v1/auth/server`, where this server shows which one it is; needs no key. */
  readonly serverProof?: Hono<AppEnv>;
  /** Parts that need no key, since they check by themselves who asks; log and headers come with it. */
  readonly open?: Readonly<Record<string, Hono<AppEnv>>>;
}

/**
 * Joins the parts. Nothing but health, what `functions` opens, and what is named in `open` or
 * `serverProof` is served without a key.
 *
 * @returns The app; its `fetch` is what a server serves, its `request` what a test asks.
 */
export function createApp(parts: AppParts): Hono<AppEnv> {
  const { vault, usage, auth, health, log, functions } = parts;
  const app = new Hono<AppEnv>({ strict: false });
  app.onError(errorHandler(log, parts.witness));
  app.notFound(notFound);
  app.route("/api/v1/functions", functions);
  app.route("/", healthRoutes(health));
  if (parts.serverProof !== undefined) app.route("/api/v1/auth/server", parts.serverProof);
  const mounts = {
    "/api/v1/admin/secrets": namedSecretRoutes(vault, usage),
    "/api/v1/secrets": secretRoutes(vault, usage),
    ...parts.mounts,
  };
  for (const [path, part] of Object.entries(parts.open ?? {})) {
    app.use(`${path}/*`, requestLog(log), securityHeaders());
    app.route(path, part);
  }
  for (const [path, part] of Object.entries(mounts)) {
    // The pattern matches the path itself, too.
    app.use(`${path}/*`, requestLog(log), securityHeaders(), requireKey(auth));
    if (parts.audit !== undefined) app.use(`${path}/*`, recordActions(parts.audit));
    app.route(path, part);
  }
  return app;
}
