/**
 * Records of what administrators do that changes no authenticated row, and so has none by itself.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { actorOf } from "../audit/actor.ts";
import type { AuditSink } from "../audit/entry.ts";
import type { AppEnv } from "./env.ts";
import { originOf } from "./auth.ts";
import { routeOf } from "./route.ts";

/** By method and route, what it is called in a record. */
export const RECORDED_ACTIONS: Readonly<Record<string, string>> = {
  "POST /api/v1/admin/backup": "backup.create",
  "POST /api/v1/admin/import": "backup.import",
  "POST /api/v1/admin/keyring/rotate": "keyring.rotate",
  "POST /api/v1/admin/keyring/rewrap": "keyring.rewrap",
  "POST /api/v1/admin/keyring/keys/:id/retire": "keyring.retire",
  "POST /api/v1/jobs/submit": "job.submit",
  "POST /api/v1/jobs/:id/cancel": "job.cancel",
  "POST /api/v1/jobs/:id/retry": "job.retry",
};

const ID = /^[0-9a-f-]{16,36}$/;

/** Records the actions of the table once they have been done. */
export function recordActions(sink: AuditSink): MiddlewareHandler<AppEnv> {
  return async function recordActions(c, next) {
    await next();
    if (c.req.method === "GET" || c.res.status >= 400) return;
    const action = RECORDED_ACTIONS[`${c.req.method} ${routeOf(c).replace(/\/$/, "")}`];
    const principal = c.get("principal");
    if (action === undefined || principal === undefined) return;
    const { id = c.req.param("id"), ...subject } = c.get("subject") ?? {};
    sink.note({
      action,
      actor: { ...actorOf(principal), ...originOf(c) },
      ...subject,
      ...(id !== undefined && ID.test(id) && { detail: { id } }),
    });
  };
}
