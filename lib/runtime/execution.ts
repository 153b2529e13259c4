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
  /**
   * Those of them that the code has read, each named once: at least these, for a run that ended
   * before its time. Null when its process ended before it told anything.
   */
  readonly reads: readonly ValueSource[] | null;
}

/** Values that a process is about to get. */
export interface GivenValues {
  readonly kind: Execution["kind"];
  readonly name: string;
  readonly namespace: string | null;
  /** The only run that the process is for; null when it serves whatever comes. */
  readonly executionId: string | null;
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
  /** What it is, where it isn't what the code has printed: the note of a read. */
  readonly source?: "reads";
}

/** Takes what is to be recorded; must return at once. */
export interface ExecutionSink {
  /**
   * Does now what recording takes: called when a call is on its way to its child, so that it
   * stands between no call and its answer. Left out where there is nothing to be done.
   */
  settle?(): void;
  given(values: GivenValues): void;
  finished(execution: Execution): void;
  line(line: ExecutionLine): void;
}
