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
import { mountMethods } from "./methods.ts";

/** A stored line. */
export interface LogLine {
  readonly id: number;
  readonly name: string;
  readonly namespace: string | null;
  readonly logged_at: Date;
  readonly level: string;
  readonly message: string;
  /** `output` for what the code printed, `reads` for the server's note of what it read. */
  readonly source: string;
}

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
      return c.json({ entries: visible.map(entryOf(id)), count: visible.length });
    },
  });
  return app;
}

function entryOf(executionId: string) {
  return ({ id, logged_at, level, message, name, namespace, source }: LogLine) => ({
    id,
    line_number: id,
    timestamp: logged_at,
    category: "execution",
    level,
    message,
    execution_id: executionId,
    execution_type: "function",
    fields: { name, namespace, source },
  });
}
