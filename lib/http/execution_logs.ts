/**
 * What one execution printed, for `/api/v1/admin/logs/executions/:id`.
 *
 * @module
 */
import { Hono } from "hono";
import { AppError } from "../errors.ts";
import { can } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { AppEnv } from "./env.ts";
import { lineJson, type LogLine } from "./log_json.ts";
import { mountMethods } from "./methods.ts";

/** Finds the lines of an execution. */
export interface LineReader {
  lines(executionId: string, options: { after: number; limit: number }): Promise<LogLine[]>;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MOST_LINES = 1_000;

/** Serves the lines of executions, oldest first, `?after_line=` a line's number. */
export function executionLogRoutes(reader: LineReader): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/:id", {
    GET: async (c) => {
      const id = c.req.param("id") ?? "";
      if (!UUID.test(id)) throw new AppError("INVALID_INPUT", "Invalid execution ID");
      const after = Number(c.req.query("after_line") ?? 0);
      if (!Number.isSafeInteger(after) || after < 0) {
        throw new AppError("INVALID_INPUT", "after_line must be a line's number");
      }
      const lines = await reader.lines(id, { after, limit: MOST_LINES });
      const principal = c.get("principal");
      const visible = lines.filter(({ name, namespace }) =>
        can(principal, "logs:read", { name, namespace: namespace as Namespace | null })
      );
      const entries = visible.map((line) => lineJson(line, id, "function"));
      return c.json({ entries, count: entries.length });
    },
  });
  return app;
}
