/**
 * A small client of the HTTP API.
 *
 * @module
 */
import { CATALOGUE } from "../errors.ts";
import { CliError, exitCodeOf, isErrorCode } from "./failure.ts";

/** A connection to a server. */
export interface ClientOptions {
  /** The server's URL without a slash at the end. */
  server: string;
  token: string;
  /** Called with method and path of each request. */
  onRequest?: (method: string, path: string) => void;
}

/** One request. */
export interface RequestOptions {
  /** Left out where `undefined` or `null`. */
  query?: Readonly<Record<string, string | null | undefined>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: Uint8Array<ArrayBuffer>;
  headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the answer must have begun and, unless it is streamed, ended. Default 30 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const READS = new Set(["GET", "HEAD"]);

/** Speaks to one server with one key. */
export class Client {
  readonly server: string;
  readonly #token: string;
  readonly #onRequest: (method: string, path: string) => void;

  constructor(options: ClientOptions) {
    this.server = options.server;
    this.#token = options.token;
    this.#onRequest = options.onRequest ?? (() => {});
  }

  /**
   * Sends a request and returns the JSON of the answer.
   *
   * @throws {CliError} When the server can't be reached or answers with an error.
   */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.jsonWithHeaders<T>(method, path, options)).data;
  }

  /** Like {@linkcode Client.json}, with the headers of the answer. */
  async jsonWithHeaders<T>(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<{ data: T; headers: Headers }> {
    const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    const response = await this.#send(method, path, options, signal);
    const text = await response.text().catch((error) => {
      throw unreachable(this.server, error);
    });
    if (!response.ok) throw failureOf(response.status, text);
    return { data: parseJson<T>(text, this.server), headers: response.headers };
  }

  /** Sends a request and returns the answer as it comes, whatever its status. */
  async stream(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const controller = new AbortController();
    const late = () => controller.abort(new DOMException("", "TimeoutError"));
    const timer = setTimeout(late, options.timeoutMs ?? TIMEOUT_MS);
    try {
      return await this.#send(method, path, options, controller.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(
    method: string,
    path: string,
    options: RequestOptions,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers = this.#headers(method, options);
    const body = options.json === undefined ? options.body ?? null : JSON.stringify(options.json);
    const url = this.server + path + queryText(options.query ?? {});
    // A redirect could carry the key to another server.
    const init: RequestInit = { method, headers, body, signal, redirect: "manual" };
    this.#onRequest(method, path);
    try {
      return await fetch(url, init);
    } catch (error) {
      if (!mayRepeat(error, method, headers)) throw unreachable(this.server, error);
    }
    this.#onRequest(method, path);
    try {
      return await fetch(url, init);
    } catch (error) {
      throw unreachable(this.server, error);
    }
  }

  #headers(method: string, options: RequestOptions): Record<string, string> {
    const headers: Record<string, string> = {
      accept: "application/json",
      authorization: `Bearer ${this.#token}`,
      "user-agent": "fluxbase-cli",
    };
    if (options.json !== undefined) {
      headers["content-type"] = "application/json";
      if (!READS.has(method)) headers["idempotency-key"] = crypto.randomUUID();
    }
    return { ...headers, ...options.headers };
  }
}

function queryText(query: NonNullable<RequestOptions["query"]>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] != null);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/**
 * Whether a request that broke may be sent once more: never when it would be refused again or has
 * run out of time, and a write only under the same Idempotency-Key, so that it happens once.
 */
function mayRepeat(error: unknown, method: string, headers: Record<string, string>): boolean {
  if (!(error instanceof TypeError) || reasonOf(error) !== "broken") return false;
  return READS.has(method) || headers["idempotency-key"] !== undefined;
}

type Reason = "refused" | "name" | "tls" | "timeout" | "broken";

function reasonOf(error: unknown): Reason {
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : "";
  if (error instanceof DOMException && error.name === "TimeoutError") return "timeout";
  if (/refused/i.test(text)) return "refused";
  if (/dns|lookup|resolve/i.test(text)) return "name";
  if (/certificate|tls|ssl/i.test(text)) return "tls";
  return "broken";
}

const REASONS: Readonly<Record<Exclude<Reason, "refused">, string>> = {
  name: "its name is not known",
  tls: "no trusted TLS connection",
  timeout: "it did not answer in time",
  broken: "the connection broke",
};

function unreachable(server: string, error: unknown): CliError {
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
    ...(isErrorCode(code) && exit !== 2 ? { hint: CATALOGUE[code].hint } : {}),
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

function parseJson<T>(text: string, server: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliError(1, `What answers at ${server} does not speak this API`);
  }
}
