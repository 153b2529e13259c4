/**
 * The record of one run of user code: what ran, for whom, with which secrets, how it ended.
 *
 * @module
 */
import type { ValueSource } from "../resolve/injection.ts";
import type { LogLevel } from "./output.ts";

/** How a run ended. */
export type Outcome =
  | "completed"
  | "failed"
  | "timeout"
  | "cancelled"
  | "crashed"
  | "out_of_memory"
  /** It never began: the code or its secrets could not be loaded. */
  | "refused";

/** One finished run. */
export interface Execution {
  readonly id: string;
  readonly kind: "function" | "job";
  readonly name: string;
  readonly namespace: string | null;
  /** SHA-256 of the code, hex; null when none was loaded. */
  readonly codeHash: string | null;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly outcome: Outcome;
  /** HTTP status that the caller got; null when the caller was gone. */
  readonly status: number | null;
  /** Id of the principal that called. */
  readonly principal: string | null;
  readonly requestId: string;
  /** Names, scopes and versions of what was injected; never values. */
  readonly secrets: readonly ValueSource[];
}

/** One masked line of a run's output. */
export interface ExecutionLine {
  /** Null for output that belongs to no single run, such as that of loading the code. */
  readonly executionId: string | null;
  readonly name: string;
  readonly namespace: string | null;
  readonly at: Date;
  readonly level: LogLevel;
  readonly text: string;
}

/** Takes what is to be recorded; must return at once. */
export interface ExecutionSink {
  finished(execution: Execution): void;
  line(line: ExecutionLine): void;
}
