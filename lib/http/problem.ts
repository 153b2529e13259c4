/**
 * Errors as responses: the only place where one becomes the other.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import { errorFields, type Log } from "../log.ts";
import type { ErrorWitness } from "./denials.ts";
import type { CallContext } from "./env.ts";
import { REQUEST_ID_HEADER, requestIdOf } from "./request_id.ts";
import { SECURITY_HEADERS } from "./security_headers.ts";

/** The body of every error. */
export interface ProblemBody {
  /** One sentence for a person. */
  readonly error: string;
  readonly code: ErrorCode;
  /** What exactly is wrong, where `error` is a fixed text. */
  readonly details?: string;
  readonly request_id: string;
}

/** Makes the response for an error that may be shown. */
export function problemResponse(error: AppError, requestId: string): Response {
  const { message, code, details } = error;
  const body: ProblemBody = {
    error: message,
    code,
    ...(details !== undefined && { details }),
    request_id: requestId,
  };
  const headers = new Headers({ ...SECURITY_HEADERS, [REQUEST_ID_HEADER]: requestId });
  if (error.code === "AUTHENTICATION_REQUIRED") headers.set("www-authenticate", "Bearer");
  for (const [name, value] of Object.entries(error.headers)) headers.set(name, value);
  return Response.json(body, { status: error.status, headers });
}

/**
 * Makes the app's only error handler. What isn't an {@linkcode AppError} is a defect of the server:
 * the client learns the request id and nothing else.
 *
 * @param witness Told of every error.
 */
export function errorHandler(
  log: Log,
  witness?: ErrorWitness,
): (error: unknown, c: CallContext) => Response {
  return function onError(error, c) {
    const requestId = requestIdOf(c);
    const shown = error instanceof AppError
      ? error
      : new AppError("INTERNAL_ERROR", "Internal error", { cause: error });
    witness?.note(c, shown);
    if (shown.status >= 500) {
      const fields = { request_id: requestId, code: shown.code, ...errorFields(error) };
      if (shown === error) log.warn("request failed", { ...fields, reason: shown.message });
      else log.error("request broke", fields);
    }
    return problemResponse(shown, requestId);
  };
}

/** Answers every path that leads nowhere. */
export function notFound(c: CallContext): Response {
  return problemResponse(new AppError("NOT_FOUND", "Not found"), requestIdOf(c));
}
