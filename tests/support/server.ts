/**
 * The real server, as a process of its own.
 *
 * @module
 */
import { type CliResult, hostEnvironment, ROOT, runCli } from "./cli.ts";
import { collect, type Collected } from "./collect.ts";
import type { Site } from "./site.ts";
import { startArguments } from "./start_task.ts";
import { until } from "./until.ts";

/** How long anything may take before it counts as hanging, ms. */
const PATIENCE_MS = 90_000;

/** How a server is started. */
export interface StartOptions {
  /** Added to the site's settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** Words before `deno`, such as those of `unshare`; they must end as that very process. */
  readonly through?: readonly string[];
  /** The project's directory, with a slash at the end; this one when left out. */
  readonly project?: string;
}

/** A request to the server. */
export interface Ask {
  readonly json?: unknown;
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  /** The key that is sent; `null` for none. Default: the administrator's. */
  readonly key?: string | null;
  readonly signal?: AbortSignal;
}

/** An answer, read to its end. */
export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What a process that has ended left. */
export interface Ended {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly out: string;
  readonly err: string;
}

/** A running server. */
export class ServerProcess {
  readonly site: Site;
  readonly #process: Deno.ChildProcess;
  readonly #out: Collected;
  readonly #err: Collected;
  #url = "";
  #adminKey = "";

  private constructor(site: Site, process: Deno.ChildProcess) {
    this.site = site;
    this.#process = process;
    this.#out = collect(process.stdout);
    this.#err = collect(process.stderr);
  }

  /** Starts a server on `site` and resolves when it is ready. */
  static async start(site: Site, options: StartOptions = {}): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(site, options);
    try {
      await server.#ready();
      return server;
    } catch (error) {
      const { out, err } = await server.end("SIGKILL");
      throw new Error(`The server did not start:\n${out}\n${err}`, { cause: error });
    }
  }

  /** Starts a server that may refuse to start. */
  static async spawn(site: Site, options: StartOptions = {}): Promise<ServerProcess> {
    const { through = [], project = ROOT } = options;
    const words = [...through, Deno.execPath(), ...await startArguments(project)];
    const process = new Deno.Command(words[0]!, {
      args: words.slice(1),
      cwd: site.directory,
      clearEnv: true,
      env: { ...hostEnvironment(), ...site.env, ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new ServerProcess(site, process);
  }

  /** Its URL without a slash at the end. */
  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The key that it made at its first start. */
  get adminKey(): string {
    return this.#adminKey;
  }

  /** What it has printed until now. */
  get out(): string {
    return this.#out.text;
  }

  /** What it has logged until now. */
  get err(): string {
    return this.#err.text;
  }

  /** Sends a request and returns the response, whose body is the caller's to read. */
  fetch(method: string, path: string, options: Ask = {}): Promise<Response> {
    const { json, body, key = this.#adminKey, signal = AbortSignal.timeout(PATIENCE_MS) } = options;
    const headers = new Headers({ ...(key !== null && { authorization: `Bearer ${key}` }) });
    if (json !== undefined) headers.set("content-type", "application/json");
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
    const sent = json === undefined ? body : JSON.stringify(json);
    const init = {
      method,
      headers,
      ...(signal && { signal }),
      ...(sent != null && { body: sent }),
    };
    return fetch(`${this.#url}${path}`, init);
  }

  /** Sends a request and reads the answer. */
  async ask(method: string, path: string, options: Ask = {}): Promise<Told> {
    const response = await this.fetch(method, path, options);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** Calls a function; `name` may have a query. */
  call(name: string, options: Ask & { readonly method?: string } = {}): Promise<Told> {
    const [path, query] = name.split("?");
    const search = query === undefined ? "" : `?${query}`;
    return this.ask(options.method ?? "POST", `/api/v1/functions/${path}/invoke${search}`, options);
  }

  /** Sets a global secret over HTTP, whether it is there or not. */
  async set(name: string, value: string): Promise<void> {
    const put = await this.ask("PUT", `/api/v1/admin/secrets/${name}`, { json: { value } });
    if (put.status === 200) return;
    const post = await this.ask("POST", "/api/v1/admin/secrets", { json: { name, value } });
    if (post.status !== 201) throw new Error(`Cannot set ${name}: ${post.text}`);
  }

  /** Types a line of the command line on the server's machine. */
  cli(words: readonly string[], stdin = ""): Promise<CliResult> {
    const { port } = new URL(this.#url);
    const env = { FLUXBASE_PORT: port, FLUXBASE_DATA_DIR: this.site.dataDir };
    return runCli(words, { env, stdin, cwd: ROOT });
  }

  /** Sends a signal and waits until the process has ended; harmless when it has already. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<Ended> {
    this.#kill(signal);
    const timer = setTimeout(() => this.#kill("SIGKILL"), PATIENCE_MS);
    try {
      return await this.ended();
    } finally {
      clearTimeout(timer);
    }
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }

  /** Resolves when the process has ended and what it printed is read. */
  async ended(): Promise<Ended> {
    const status = await this.#process.status;
    await Promise.all([this.#out.done, this.#err.done]);
    return { code: status.code, signal: status.signal, out: this.out, err: this.err };
  }

  async #ready(): Promise<void> {
    let over = false;
    this.#process.status.then(() => over = true);
    await until("the server tells its URL", () => {
      if (over) throw new Error("It ended");
      const found = /ready.*?(http:\/\/[\w.:[\]]+)/s.exec(this.out + this.err);
      this.#url = found?.[1] ?? "";
      return found !== null;
    });
    const file = `${this.site.dataDir}/admin.key`;
    this.#adminKey = (await Deno.readTextFile(file).catch(() => "")).trim();
  }
}

/** Starts a server that must refuse to, and returns what it said. */
export async function refusal(site: Site, options: StartOptions = {}): Promise<Ended> {
  const server = await ServerProcess.spawn(site, options);
  const timer = setTimeout(() => server.end("SIGKILL"), PATIENCE_MS);
  try {
    return await server.ended();
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a server, runs `work`, and ends it in order. */
export async function withServer(
  site: Site,
  work: (server: ServerProcess) => Promise<void>,
  options: StartOptions = {},
): Promise<Ended> {
  const server = await ServerProcess.start(site, options);
  try {
    await work(server);
  } finally {
    await server.end();
  }
  return await server.ended();
}
