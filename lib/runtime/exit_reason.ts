/**
 * Why a child ended, as a closed list.
 *
 * @module
 */
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
