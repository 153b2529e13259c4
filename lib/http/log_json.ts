/**
 * Lines of the log as clients see them.
 *
 * @module
 */

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
