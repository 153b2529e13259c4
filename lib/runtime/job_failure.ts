/**
 * How a job can fail, in words for its record.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { Outcome } from "./execution.ts";
import type { ExitReason } from "./exit_reason.ts";

/** Why an attempt failed. */
export interface JobFailure {
  readonly outcome: Outcome;
  readonly error: string;
  readonly code: ErrorCode | null;
}

/** What the codes of this file and of the pool mean for the outcome; others: it never began. */
export const JOB_OUTCOMES: Partial<Record<ErrorCode, Outcome>> = {
  JOB_FAILED: "failed",
  JOB_TIMEOUT: "timeout",
  JOB_CRASHED: "crashed",
  JOB_OUT_OF_MEMORY: "out_of_memory",
};

/** The handler threw, or returned what can't be kept. `message` must be masked. */
export function failed(message: string): AppError {
  return new AppError("JOB_FAILED", message);
}

/** The job ran out of time. */
export function timedOut(limitMs: number): AppError {
  const limit = `${limitMs / 1_000} s`;
  return new AppError("JOB_TIMEOUT", `The job ran longer than its ${limit} and was ended`);
}

/** The job's process ended before the job had. */
export function endedEarly(reason: ExitReason, memoryBytes: number): AppError {
  switch (reason.kind) {
    case "out-of-memory": {
      const limit = `${Math.round(memoryBytes / 2 ** 20)} MB`;
      return new AppError(
        "JOB_OUT_OF_MEMORY",
        `The job used more than its ${limit} of memory and was ended`,
      );
    }
    case "exited":
      return new AppError(
        "JOB_CRASHED",
        `The job's process ended before the job did (exit code ${reason.code})`,
      );
    case "crashed":
      return new AppError(
        "JOB_CRASHED",
        `The job's process was ended before the job did (${reason.signal})`,
      );
    case "stuck":
      return new AppError("JOB_CRASHED", "The job's process stopped answering and was ended");
    case "retired":
      return new AppError("SHUTTING_DOWN", "The job's process was stopped before the job ended");
  }
}
