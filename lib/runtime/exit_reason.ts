/**
 * Why a child ended, as a closed list, and what that means to a caller whose call was lost with it.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** Why a child ended. */
export type ExitReason =
  /** The server let it go: unused, replaced or shutting down. */
  | { readonly kind: "retired" }
  /** It ended itself, with `Deno.exit` or an error that nothing caught. */
  | { readonly kind: "exited"; readonly code: number }
  /** A signal from outside, or a crash of the engine. */
  | { readonly kind: "crashed"; readonly signal: string }
  /** V8's heap limit, or the watchdog over the resident set. */
  | { readonly kind: "out-of-memory" }
  /** Its event loop no longer turned when a call ran out of time. */
  | { readonly kind: "stuck" };

/** Reads a process's status. `stderrTail` is the end of what it printed. */
export function exitReasonOf(status: Deno.CommandStatus, stderrTail: string): ExitReason {
  if (/JavaScript out of memory|Reached heap limit|OOM/.test(stderrTail) && !status.success) {
    return { kind: "out-of-memory" };
  }
  if (status.signal !== null) return { kind: "crashed", signal: status.signal };
  return { kind: "exited", code: status.code };
}

/** The error for a call that was under way in a child that has ended so. */
export function lostCallError(reason: ExitReason): AppError {
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
