/**
 * Reads what went wrong with a request: the server's refusal, or no answer at all.
 *
 * @module
 */
import { CATALOGUE, type ErrorCode } from "../errors.ts";
import { CliError, exitCodeOf, isErrorCode } from "./failure.ts";

/** What can come between a request and its answer. */
export type Reason = "refused" | "name" | "tls" | "timeout" | "port" | "broken";

/** Why a request got no answer. */
export function reasonOf(error: unknown): Reason {
  const said = error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : "";
  // The URL may hold any of these words.
  const text = said.replace(/https?:\/\/\S+/g, "");
  if (error instanceof DOMException && error.name === "TimeoutError") return "timeout";
  if (/refused/i.test(text)) return "refused";
  if (/dns|lookup|resolve/i.test(text)) return "name";
  if (/certificate|tls|ssl/i.test(text)) return "tls";
  if (/blocked/i.test(text)) return "port";
  return "broken";
}

const REASONS: Readonly<Record<Exclude<Reason, "refused">, string>> = {
  name: "its name is not known",
  tls: "no trusted TLS connection",
  timeout: "it did not answer in time",
  port: "its port is kept for another protocol, so no HTTP client calls it",
  broken: "the connection broke",
};

/** What is shown when a request got no answer. */
export function unreachable(server: string, error: unknown): CliError {
  const reason = reasonOf(error);
  return reason === "refused"
    ? new CliError(1, `No server at ${server} — start one with: deno task start`)
    : new CliError(1, `Cannot reach ${server}: ${REASONS[reason]}`);
}

/** Turns an error answer into what is shown. */
export function failureOf(status: number, text: string): CliError {
  const body = parseObject(text);
  const code = typeof body.code === "string" ? body.code : undefined;
  const exit = exitCodeOf(status, code);
  const sentence = typeof body.error === "string" ? body.error : `API error with status ${status}`;
  const id = typeof body.request_id === "string" && status >= 500 ? ` (${body.request_id})` : "";
  return new CliError(exit, sentence + id, {
    status,
    ...(code === undefined ? {} : { code }),
    ...(isErrorCode(code) && exit !== 2 ? { hint: HINTS[code] ?? CATALOGUE[code].hint } : {}),
  });
}

/** What to do about an error, where the catalogue speaks of HTTP. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  AUTHENTICATION_REQUIRED: "Give another key with FLUXBASE_TOKEN, --token-file or login",
  NOT_FOUND: "See what there is with the list command",
  PRECONDITION_FAILED: "See the current version with: secrets get NAME",
};

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
