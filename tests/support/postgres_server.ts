/**
 * A real PostgreSQL server for tests, from the binaries that npm carries.
 *
 * @module
 */
import type { Certificate } from "./certificates.ts";
import { postgresBinaries } from "./postgres_binaries.ts";
import { run, sharedDirectory } from "./shared.ts";

/** How a server is told to stop: a fast shutdown, or `kill -9` of every process of it. */
export type StopMode = "fast" | "kill";

/** Options of {@linkcode PostgresServer.create}. */
export interface ServerOptions {
  /** On where it matters that commits reach the disk, or what that costs. Default off. */
  readonly fsync?: boolean;
  /** What the server shows who asks for TLS. Default: it offers none. */
  readonly certificate?: Certificate;
}

const READY = "database system is ready to accept connections";
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=200",
  "shared_buffers=32MB",
];
/** PostgreSQL refuses to run as root; 65534 is `nobody` on every system that has it. */
const NOBODY = 65534;
const POLL_MS = 20;
const START_MS = 30_000;

/** One server with one data directory. */
export class PostgresServer {
  readonly #home: string;
  readonly #binaries: string;
  readonly #port: number;
  readonly #settings: readonly string[];
  #process: Deno.ChildProcess | null = null;

  private constructor(home: string, binaries: string, options: ServerOptions) {
    this.#home = home;
    this.#binaries = binaries;
    this.#port = freePort();
    this.#settings = [
      ...SETTINGS,
      `port=${this.#port}`,
      `fsync=${options.fsync ? "on" : "off"}`,
      `ssl=${options.certificate ? "on" : "off"}`,
    ];
  }

  /** Makes a data directory; the server is not started. */
  static async create(options: ServerOptions = {}): Promise<PostgresServer> {
    const binaries = await postgresBinaries();
    const home = `${await sharedDirectory()}/server-${crypto.randomUUID()}`;
    await Deno.mkdir(`${home}/data`, { recursive: true });
    await Deno.chmod(`${home}/data`, 0o700);
    if (Deno.uid() === 0) await run("chown", "-R", `${NOBODY}:${NOBODY}`, home);
    const server = new PostgresServer(home, binaries, options);
    await server.#initialise();
    if (options.certificate) await server.present(options.certificate);
    return server;
  }

  /** Connection URL of the database `postgres`. */
  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  /** Puts a certificate where the server reads it when it starts, or is told to read again. */
  async present({ cert, key }: Certificate): Promise<void> {
    for (const [name, text] of [["server.crt", cert], ["server.key", key]] as const) {
      const file = `${this.#home}/data/${name}`;
      await Deno.writeTextFile(file, text, { mode: 0o600 });
      if (Deno.uid() === 0) await Deno.chown(file, NOBODY, NOBODY);
    }
  }

  /** Starts the server on its data and resolves when it accepts connections. */
  async start(): Promise<void> {
    await this.#forgetLog();
    this.#process = new Deno.Command("sh", {
      args: ["-c", `exec "$@" >"$LOG" 2>&1`, "sh", ...this.#serve()],
      ...this.#surroundings(),
    }).spawn();
    await this.#ready();
  }

  /** Starts it as nobody's child, so that it outlives the test file that needed it first. */
  async startDetached(): Promise<void> {
    await new Deno.Command("sh", {
      args: ["-c", `"$@" >"$LOG" 2>&1 </dev/null &`, "sh", ...this.#serve()],
      ...this.#surroundings(),
    }).output();
    await this.#ready();
  }

  /** Stops a server begun with {@linkcode start}, and waits until it has ended. */
  async stop(mode: StopMode = "fast"): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#process = null;
    if (mode === "fast") child.kill("SIGINT");
    else await signalAll(child.pid, "SIGKILL");
    await child.status;
  }

  /** Freezes every process of the server. */
  async pause(): Promise<void> {
    if (this.#process !== null) await signalAll(this.#process.pid, "SIGSTOP");
  }

  /** Lets a frozen server go on. */
  async resume(): Promise<void> {
    if (this.#process !== null) await signalAll(this.#process.pid, "SIGCONT");
  }

  /** Kills the server and removes its data. */
  async remove(): Promise<void> {
    await this.resume();
    await this.stop("kill");
    await Deno.remove(this.#home, { recursive: true });
  }

  #initialise(): Promise<string> {
    const options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"];
    const [program, ...args] = this.#unprivileged("initdb", ...options, "--locale=C");
    return run(program, ...args, "-D", `${this.#home}/data`);
  }

  #serve(): string[] {
    const flags = this.#settings.flatMap((setting) => ["-c", setting]);
    return this.#unprivileged("postgres", "-D", `${this.#home}/data`, ...flags);
  }

  #unprivileged(program: string, ...args: string[]): [string, ...string[]] {
    const file = `${this.#binaries}/bin/${program}`;
    if (Deno.uid() !== 0) return [file, ...args];
    const drop = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    return ["setpriv", ...drop, file, ...args];
  }

  #surroundings() {
    return {
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", LOG: `${this.#home}/log` },
      cwd: this.#home,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    } as const;
  }

  /** What an earlier start logged must not pass for this one's. */
  async #forgetLog(): Promise<void> {
    await Deno.remove(`${this.#home}/log`).catch(() => {});
  }

  async #ready(): Promise<void> {
    const end = performance.now() + START_MS;
    for (;;) {
      const log = await Deno.readTextFile(`${this.#home}/log`).catch(() => "");
      if (log.includes(READY)) return;
      if (performance.now() > end) throw new Error(`PostgreSQL did not start: ${log}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Signals a process and its children, which PostgreSQL puts in sessions of their own. */
async function signalAll(pid: number, signal: Deno.Signal): Promise<void> {
  for (const each of [pid, ...await childrenOf(pid)]) {
    try {
      Deno.kill(each, signal);
    } catch {
      // It ended between the listing and the signal.
    }
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const script = `cat "/proc/$1/task/$1/children" 2>/dev/null || pgrep -P "$1"`;
  const list = await run("sh", "-c", script, "children", `${pid}`);
  return list.split(/\s+/).filter(Boolean).map(Number);
}
