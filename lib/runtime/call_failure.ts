/**
 * How a function's call can fail, in words for its caller.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { ActiveCall } from "./active_call.ts";
import { CallError } from "./call_stream.ts";
import type { Outcome } from "./execution.ts";
import type { ExitReason } from "./exit_reason.ts";

/** What the codes of this file mean for the outcome; others: the call never began. */
export const CALL_OUTCOMES: Partial<Record<ErrorCode, Outcome>> = {
  FUNCTION_FAILED: "failed",
  FUNCTION_TIMEOUT: "timeout",
  FUNCTION_CRASHED: "crashed",
  FUNCTION_OUT_OF_MEMORY: "out_of_memory",
  REQUEST_CANCELLED: "cancelled",
};

/** How a call that was answered has ended. */
export function outcomeOf(end: string, { timedOut }: ActiveCall): Outcome {
  if (timedOut) return "timeout";
  if (end === "completed" || end === "cancelled") return end;
  return end === "lost" ? "crashed" : "failed";
}

/** A call that may have been sent. */
export interface FailedCall {
  readonly active: ActiveCall | undefined;
  readonly ready:
    | { readonly instance: { readonly child: { readonly exited: Promise<ExitReason> } } }
    | undefined;
}

/** The error for a call that ended without an answer; `error` itself when it was never sent. */
export async function explainFailure(
  error: unknown,
  { active, ready }: FailedCall,
): Promise<unknown> {
  if (active === undefined || ready === undefined) return error;
  if (!(error instanceof CallError)) return unsendable(error, active);
  if (active.timedOut) {
    return new AppError("FUNCTION_TIMEOUT", "The function did not answer in time");
  }
  switch (error.end) {
    case "failed":
      return new AppError("FUNCTION_FAILED", "The function threw an error; see its log");
    case "cancelled":
      return new AppError("REQUEST_CANCELLED", "The caller went away before there was an answer");
    case "lost":
      return lostCallError(await ready.instance.child.exited);
  }
}

/** The error for an answer that is no HTTP response, such as that of `Response.error()`. */
function unsendable(cause: unknown, active: ActiveCall): AppError {
  active.call.cancel();
  return new AppError(
    "FUNCTION_FAILED",
    "The function's response has a status or a header that cannot be sent",
    { cause },
  );
}

/** The error for a call that was under way in a child that has ended so. */
function lostCallError(reason: ExitReason): AppError {
  switch (reason.kind) {
    case "out-of-memory":
      return new AppError("FUNCTION_OUT_OF_MEMORY", "The function used more memory than it may");
    case "exited":
      return new AppError(
        "FUNCTION_CRASHED",
        `The function's process ended before it answered (exit code ${reason.code})`,
      );
    case "crashed":
      return new AppError(
        "FUNCTION_CRASHED",
        `The function's process was ended before it answered (${reason.signal})`,
      );
    case "stuck":
      return new AppError(
        "FUNCTION_CRASHED",
        "The function's process was ended because another call blocked it",
      );
    case "retired":
      return new AppError("SHUTTING_DOWN", "The function's process was stopped before it answered");
  }
}
