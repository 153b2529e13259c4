/**
 * Runs as they are recorded.
 *
 * @module
 */
import type { Execution } from "../../lib/runtime/execution.ts";

/** A run that completed, but for what a test says. */
export function execution(values: Partial<Execution> = {}): Execution {
  return {
    id: crypto.randomUUID(),
    kind: "function",
    name: "hello",
    namespace: null,
    codeHash: "ab",
    startedAt: new Date("2026-01-02T03:04:05.678Z"),
    durationMs: 12.5,
    outcome: "completed",
    status: 200,
    principal: "somebody",
    requestId: "r",
    secrets: [],
    reads: [],
    ...values,
  };
}
