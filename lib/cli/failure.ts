/**
 * How a command ends when it doesn't succeed: one sentence for a person, one exit code for a script.
 *
 * @module
 */
import { AppError, CATALOGUE, type ErrorCode } from "../errors.ts";

/** The exit codes and what each says; help prints this table. */
export const EXIT_CODES = {
  0: "ok",
  1: "failed",
  2: "wrong usage or input",
  3: "not authorised",
  4: "not found",
  5: "conflict with the present state",
  130: "called off with Ctrl-C",
} as const;

/** An exit code of the command line. */
export type ExitCode = keyof typeof EXIT_CODES;

/** Options of a {@linkcode CliError}. */
export interface CliErrorOptions {
  /** What to do about it, on a line of its own. */
  hint?: string;
  /** The server's error code, when a server answered. */
  code?: string;
  /** The HTTP status, when a server answered. */
  status?: number;
}

/** An error whose message is shown after `Error: `. Must not hold a value or a token. */
export class CliError extends Error {
  /** Always `CliError`. */
  override readonly name = "CliError";
  /** The exit code. */
  readonly exit: ExitCode;
  /** What to do about it. */
  readonly hint: string | null;
  /** The server's error code. */
  readonly code: string | null;
  /** The server's HTTP status. */
  readonly status: number | null;

  /** Takes the exit code and the sentence to show. */
  constructor(exit: ExitCode, message: string, options: CliErrorOptions = {}) {
    super(message);
    this.exit = exit;
    this.hint = options.hint ?? null;
    this.code = options.code ?? null;
    this.status = options.status ?? null;
  }
}

/** The same error with another hint when the server's code is `code`; anything else as it is. */
export function withHint(error: unknown, code: ErrorCode, hint: string): unknown {
  if (!(error instanceof CliError) || error.code !== code) return error;
  const { exit, message, status } = error;
  return new CliError(exit, message, { hint, code, ...(status === null ? {} : { status }) });
}

/** An error of usage: exit code 2. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(2, message, hint === undefined ? {} : { hint });
}

/** Whether a text is a code of the catalogue. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(CATALOGUE, code);
}

/**
 * The exit code for an answer of the server: by its error code, else by its HTTP status.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { exitCodeOf } from "./failure.ts";
 *
 * assertEquals(exitCodeOf(404, "SECRET_NOT_FOUND"), 4);
 * assertEquals(exitCodeOf(412), 5);
 * ```
 */
export function exitCodeOf(status: number, code?: unknown): ExitCode {
  if (isErrorCode(code)) return CATALOGUE[code].exit;
  if (status === 401 || status === 403) return 3;
  if (status === 404) return 4;
  if (status === 409 || status === 412) return 5;
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 2 : 1;
}

/** Turns whatever was thrown into what is shown. */
export function toCliError(thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown;
  if (thrown instanceof AppError) return new CliError(CATALOGUE[thrown.code].exit, thrown.message);
  return new CliError(1, thrown instanceof Error ? thrown.message : "Unknown failure");
}
