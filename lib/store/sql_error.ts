/**
 * What a failed statement becomes: an {@linkcode AppError} when the database is at fault, a
 * {@linkcode StatementError} when the statement is.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** What is known of a failure from the server's error response. */
export interface ServerReport {
  /** The five characters of PostgreSQL's appendix A, "Error Codes". */
  readonly sqlstate: string;
  /** The constraint that was violated, if one was. */
  readonly constraint: string | null;
}

/** A statement that the server refused. The message holds no value; the cause may. */
export class StatementError extends Error {
  override readonly name: string = "StatementError";
  readonly sqlstate: string;
  readonly constraint: string | null;

  constructor(report: ServerReport, options: { cause?: unknown } = {}) {
    super(describe(report), options);
    this.sqlstate = report.sqlstate;
    this.constraint = report.constraint;
  }
}

/** A row that would have been the second under one unique key. */
export class UniqueViolation extends StatementError {
  override readonly name = "UniqueViolation";
}

const UNIQUE_VIOLATION = "23505";

/**
 * SQLSTATE classes and codes after which the same request may succeed later: connection (08),
 * transaction rolled back (40), resources (53), operator (57), system (58), not yet writable
 * (25006, a standby), bad credentials (28), no such database (3D000), internal (XX).
 */
const UNAVAILABLE = /^(08|28|40|53|57|58|XX)|^(25006|3D000)$/;

/** Tells whether the connection that reported `sqlstate` must not be used again. */
export function endsConnection(sqlstate: string): boolean {
  return /^(08|28|58|XX)|^(57P0[1-5]|25006|25P03)$/.test(sqlstate);
}

/** Makes the error that a caller of the port sees from what the server reported. */
export function statementFailure(report: ServerReport, cause: unknown): Error {
  if (report.sqlstate === UNIQUE_VIOLATION) return new UniqueViolation(report, { cause });
  if (!UNAVAILABLE.test(report.sqlstate)) return new StatementError(report, { cause });
  return unavailable(`${refusalOf(report.sqlstate)} (SQLSTATE ${report.sqlstate})`, cause);
}

function refusalOf(sqlstate: string): string {
  if (sqlstate.startsWith("28")) return "The database refuses the user or password of DATABASE_URL";
  if (sqlstate === "3D000") return "The database that DATABASE_URL names does not exist";
  return "The database cannot serve now";
}

/** Seconds after which a client may ask again. */
const RETRY_AFTER = { "retry-after": "2" };

/** Makes the error for a database that cannot be reached, is stuck, or has gone. */
export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError("STORE_UNAVAILABLE", message, { cause, headers: RETRY_AFTER });
}

/** Makes the error for somebody who has waited too long for their turn. */
export function busyForTooLong(): AppError {
  return unavailable("The database was busy with other work for too long");
}

function describe({ sqlstate, constraint }: ServerReport): string {
  const where = constraint === null ? "" : ` on ${constraint}`;
  return `Statement failed: SQLSTATE ${sqlstate}${where}`;
}
