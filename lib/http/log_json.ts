/**
 * Lines of the log as clients see them.
 *
 * @module
 */
import type { FoundLine } from "../store/log_lines.ts";

/** A stored line, by itself. */
export type LogLine = Pick<
  FoundLine,
  "id" | "name" | "namespace" | "logged_at" | "level" | "message" | "source"
>;

/** A line of an execution of this type, `function` or `job`. */
export function lineJson(line: LogLine, executionId: string | null, type: string | null) {
  const { id, logged_at, level, message, name, namespace, source } = line;
  return {
    id,
    line_number: id,
    timestamp: logged_at,
    category: "execution",
    level,
    message,
    execution_id: executionId,
    execution_type: type,
    fields: { name, namespace, source },
  };
}
