/**
 * The one catalogue of errors: code → HTTP status, exit code of the CLI, and what a person may do.
 *
 * A message names the rule or the thing, never a value, a key or a stack.
 *
 * @module
 */

/** What an error code means to each of its readers. */
interface Entry {
  /** HTTP status (RFC 9110) of a response with this code. */
  readonly status: number;
  /** Exit code of the CLI: 1 failed, 2 usage, 3 not authorised, 4 not found, 5 conflict. */
  readonly exit: 1 | 2 | 3 | 4 | 5;
  /** What to do about it, in one sentence. */
  readonly hint: string;
}

const entry = (status: number, exit: Entry["exit"], hint: string): Entry => ({
  status,
  exit,
  hint,
});

/** Every code that this product answers with. */
export const CATALOGUE = {
  INVALID_REQUEST_BODY: entry(400, 2, "Send a JSON object with the documented fields."),
  MISSING_REQUIRED_FIELD: entry(400, 2, "Add the named field and send the request again."),
  INVALID_INPUT: entry(400, 2, "Correct the named field and send the request again."),
  AUTHENTICATION_REQUIRED: entry(
    401,
    3,
    "Send a service key or a token as Authorization: Bearer …",
  ),
  ACCESS_DENIED: entry(403, 3, "Use a key whose grants cover this action, namespace and name."),
  NOT_FOUND: entry(404, 4, "Check the path."),
  SECRET_NOT_FOUND: entry(404, 4, "List what exists with: secrets list"),
  VERSION_NOT_FOUND: entry(404, 4, "See the versions with: secrets history NAME"),
  JOB_NOT_FOUND: entry(404, 4, "See the jobs with: jobs runs"),
  JOB_FUNCTION_NOT_FOUND: entry(404, 4, "See what there is with: jobs list"),
  SCHEDULE_NOT_FOUND: entry(404, 4, "See the schedules with: jobs schedule list"),
  FUNCTION_NOT_FOUND: entry(404, 4, "Check the name, the namespace and the functions directory."),
  METHOD_NOT_ALLOWED: entry(405, 2, "Use one of the methods in the Allow header."),
  DUPLICATE_KEY: entry(409, 5, "Use another key, or change the setting that is there."),
  CONFLICT: entry(409, 5, "Read the current state and decide again."),
  KEY_IN_USE: entry(409, 5, "See what is left with: keyring list"),
  PRECONDITION_FAILED: entry(412, 5, "Read the current version and send it as If-Match."),
  PAYLOAD_TOO_LARGE: entry(413, 2, "Send a smaller body."),
  UNSUPPORTED_MEDIA_TYPE: entry(415, 2, "Send Content-Type: application/json."),
  REQUEST_CANCELLED: entry(499, 1, "Stay connected until the answer has come."),
  IDEMPOTENCY_KEY_REUSED: entry(422, 5, "Use a new Idempotency-Key for a different request."),
  RATE_LIMITED: entry(429, 1, "Wait for the time in Retry-After."),
  INTERNAL_ERROR: entry(500, 1, "Look for the request id in the server's log."),
  FUNCTION_FAILED: entry(500, 1, "Look at the function's log for this execution."),
  FUNCTION_INVALID: entry(
    500,
    1,
    "Mend the function's source; the message or its log names the place.",
  ),
  JOB_FAILED: entry(500, 1, "Look at the job's log with: jobs logs ID"),
  JOB_CRASHED: entry(502, 1, "Look at the job's log with: jobs logs ID"),
  JOB_OUT_OF_MEMORY: entry(502, 1, "Use less memory, or raise the job's limit."),
  JOB_TIMEOUT: entry(504, 1, "Do less in one job, or raise its timeout."),
  DEPLOY_REFUSED: entry(422, 2, "Mend what the message names; nothing was changed."),
  BUNDLER_UNAVAILABLE: entry(503, 1, "Check the network and the npm registry's settings."),
  FUNCTION_CRASHED: entry(502, 1, "Look at the function's log for this execution."),
  FUNCTION_OUT_OF_MEMORY: entry(502, 1, "Use less memory, or raise the function's limit."),
  FUNCTION_TIMEOUT: entry(504, 1, "Answer sooner, or raise the function's timeout."),
  FUNCTION_BUSY: entry(503, 1, "Wait for the time in Retry-After."),
  WEBSOCKET_UNSUPPORTED: entry(501, 1, "Use streaming responses or server-sent events."),
  SECRET_UNREADABLE: entry(503, 1, "Check the root key; run the server's verify report."),
  INTEGRITY_VIOLATION: entry(503, 1, "A stored row was changed from outside; restore it."),
  ISSUER_UNAVAILABLE: entry(503, 1, "Check the issuer's key set; see FLUXBASE_JWKS_URL."),
  STORE_UNAVAILABLE: entry(503, 1, "Check the database; the request may be sent again."),
  SHUTTING_DOWN: entry(503, 1, "Send the request again; another replica answers."),
  CONFIG_INVALID: entry(500, 2, "Correct the named setting and start again."),
  KEY_RING_LOCKED: entry(503, 1, "Give the root key whose id the message names."),
  ROOT_UNAVAILABLE: entry(503, 1, "Check where the root key comes from: command or Transit."),
  DATA_DIR_IN_USE: entry(503, 5, "Stop the other server, or use another FLUXBASE_DATA_DIR."),
} as const satisfies Record<string, Entry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof CATALOGUE;

/** Options of an {@linkcode AppError}. */
export interface AppErrorOptions {
  /** The error behind this one; goes to the server's log only. */
  cause?: unknown;
  /** Response headers that belong to the error, such as `retry-after`. */
  headers?: Readonly<Record<string, string>>;
  /** What exactly is wrong, where the message's words are given; the same rules hold as for it. */
  details?: string;
}

/**
 * An error that may be shown to a client.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { AppError } from "./errors.ts";
 *
 * const error = new AppError("SECRET_NOT_FOUND", "Secret not found");
 * assertEquals(error.status, 404);
 * ```
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly details: string | undefined;

  /**
   * @param code The code in the catalogue.
   * @param message One sentence for a person; must not hold a value, a key or a path.
   */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.headers = options.headers ?? {};
    this.details = options.details;
  }

  /** The HTTP status of this error's code. */
  get status(): number {
    return CATALOGUE[this.code].status;
  }
}
