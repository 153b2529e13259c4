/**
 * A small client of the HTTP API.
 *
 * @module
 */
import { failureOf, reasonOf, unreachable } from "./answer.ts";
import { CliError } from "./failure.ts";

/** A connection to a server. */
export interface ClientOptions {
  /** The server's URL without a slash at the end. */
  server: string;
  /** `null` sends none. */
  token: string | null;
  /**
   * Finds the URL to which the token may be sent, and is asked before each time it is: a server may
   * end between two requests, and somebody else take its port. Left out, it is `server`.
   */
  locate?: (signal: AbortSignal) => Promise<string>;
  /** What sends the requests; left out, what everything shares. */
  http?: Deno.HttpClient;
  /** Called with method and path of each request. */
  onRequest?: (method: string, path: string) => void;
}

/** One request. */
export interface RequestOptions {
  /** Left out where `undefined` or `null`. */
  query?: Readonly<Record<string, string | null | undefined>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is; a stream can't be sent again, so it needs `once`. */
  body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  headers?: Readonly<Record<string, string>>;
  /** Never sent again when the connection breaks: what it makes is shown once and can't be replayed. */
  once?: boolean;
  /** Milliseconds until the answer must have begun and, unless it is streamed, ended. Default 30 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const READS = new Set(["GET", "HEAD"]);

/** Speaks to one server with one key. */
export class Client {
  /** The server's URL without a slash at the end. */
  readonly server: string;
  readonly #token: string | null;
  readonly #locate: (signal: AbortSignal) => Promise<string>;
  readonly #onRequest: (method: string, path: string) => void;
  readonly #http: { readonly client?: Deno.HttpClient };

  /** Connects to nothing yet. */
  constructor(options: ClientOptions) {
    this.server = options.server;
    this.#token = options.token;
    this.#locate = options.locate ?? (() => Promise.resolve(this.server));
    this.#onRequest = options.onRequest ?? (() => {});
    this.#http = options.http === undefined ? {} : { client: options.http };
  }

  /**
   * Sends a request and returns the JSON of the answer, `undefined` for an answer without content.
   * A write carries an Idempotency-Key.
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
    const once = READS.has(method) || options.once === true
      ? {}
      : { "idempotency-key": crypto.randomUUID() };
    const headers = { ...once, ...options.headers };
    const response = await this.#send(method, path, { ...options, headers }, signal);
    const text = await response.text().catch((error) => {
      throw unreachable(this.server, error);
    });
    if (!response.ok) throw failureOf(response.status, text);
    const data = response.status === 204 ? undefined as T : parseJson<T>(text, this.server);
    return { data, headers: response.headers };
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
    const headers = this.#headers(options);
    const body = options.json === undefined ? options.body ?? null : JSON.stringify(options.json);
    const asked = path + queryText(options.query ?? {});
    // A redirect could carry the key to another server.
    const init = { method, headers, body, signal, redirect: "manual", ...this.#http } as const;
    const first = await this.#locate(signal) + asked;
    this.#onRequest(method, path);
    try {
      return await fetch(first, init);
    } catch (error) {
      if (!mayRepeat(error, method, headers)) throw unreachable(this.server, error);
    }
    const second = await this.#locate(signal) + asked;
    this.#onRequest(method, path);
    try {
      return await fetch(second, init);
    } catch (error) {
      throw unreachable(this.server, error);
    }
  }

  #headers(options: RequestOptions): Record<string, string> {
    const headers: Record<string, string> = {
      accept: "application/json",
      "user-agent": "fluxbase-cli",
    };
    if (this.#token !== null) headers.authorization = `Bearer ${this.#token}`;
    if (options.json !== undefined) headers["content-type"] = "application/json";
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

function parseJson<T>(text: string, server: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliError(1, `What answers at ${server} does not speak this API`);
  }
}
