/**
 * Starts a child process and waits until it has connected back.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { DenoCache, NO_DENO_DIR } from "./deno_cache.ts";
import { closeFiles, surviving } from "./file_limit.ts";
import { type ChildShape, denoArguments } from "./permissions.ts";

/** Where and with what children are started. */
export interface SpawnHost {
  /** Path of the Deno executable. */
  readonly deno: string;
  /**
   * Path or name of `setpriv` (util-linux), or `null` where there is none. With it the kernel kills
   * a child whose server is gone, even one that never looks at its socket.
   */
  readonly setpriv: string | null;
  /**
   * Path or name of `prlimit` (util-linux). With it no child can write to a file; left out, code can
   * fill the disk with what SQLite spills.
   */
  readonly prlimit?: string;
  /** A directory that only this user can enter; sockets live in it until they are connected. */
  readonly directory: string;
  /** PEM file of additional certificate authorities that user code trusts. */
  readonly certificates?: string;
  /** Where Deno's own caches come from; left out, children start without. */
  readonly cache?: DenoCache;
}

/** A started child that has connected. */
export interface Spawned {
  readonly process: Deno.ChildProcess;
  readonly connection: Deno.Conn;
  /** Resolves when the process has ended and nothing of it is left on disk. */
  readonly cleared: Promise<void>;
}

type Started = Pick<Spawned, "process" | "connection">;

const BOOTSTRAP = fileURLToPath(new URL("./guest/bootstrap.mjs", import.meta.url));
/** How long a child may take until it has connected, ms. */
const CONNECT_DEADLINE_MS = 20_000;

/**
 * Starts one child.
 *
 * @throws {Error} When it can't be started, ends at once or doesn't connect in time.
 */
export async function spawn(host: SpawnHost, shape: ChildShape): Promise<Spawned> {
  const id = crypto.randomUUID().slice(0, 13);
  const denoDir = await host.cache?.make(id) ?? NO_DENO_DIR;
  try {
    const started = await start(host, shape, id, denoDir.path);
    const cleared = started.process.status.then(() => denoDir.remove());
    const { pid } = started.process;
    const limited = host.prlimit === undefined ? undefined : closeFiles(host.prlimit, pid);
    await Promise.all([denoDir.close(), limited]).catch((error) => abandon(started, error));
    return { ...started, cleared };
  } catch (error) {
    await denoDir.remove();
    throw error;
  }
}

/** The same host with a cache, whose model is what a child of `shape` has left. */
export function withCache(host: SpawnHost, shape: ChildShape): SpawnHost {
  const fill = (denoDir: string) => fillCache(host, shape, denoDir);
  return { ...host, cache: new DenoCache(host.directory, fill) };
}

/** Runs a child that gets no code, to its end: it leaves its caches in `denoDir`. */
async function fillCache(
  host: SpawnHost,
  shape: ChildShape,
  denoDir: string,
): Promise<void> {
  const id = crypto.randomUUID().slice(0, 13);
  const { process, connection } = await start(host, shape, id, denoDir);
  connection.close();
  await Promise.all([process.stdout.cancel(), process.stderr.cancel(), process.status]);
}

async function start(
  host: SpawnHost,
  shape: ChildShape,
  id: string,
  denoDir: string,
): Promise<Started> {
  const socket = `${host.directory}/${id}`;
  const listener = Deno.listen({ transport: "unix", path: socket });
  let process: Deno.ChildProcess | undefined;
  try {
    const paths = { bootstrap: BOOTSTRAP, socket, location: locationOf(id) };
    process = command(host, denoArguments(shape, paths), denoDir).spawn();
    const connection = await connected(listener, process);
    return { process, connection };
  } catch (error) {
    if (process !== undefined) await discard(process);
    throw error;
  } finally {
    closeQuietly(listener);
    await Deno.remove(socket).catch(() => {});
  }
}

function command(host: SpawnHost, args: readonly string[], denoDir: string): Deno.Command {
  const options = {
    clearEnv: true,
    env: environment(host, denoDir),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  } as const;
  const [program, words] = host.prlimit === undefined
    ? [host.deno, [...args]] satisfies [string, string[]]
    : surviving(host.deno, args);
  if (host.setpriv === null) return new Deno.Command(program, { ...options, args: words });
  return new Deno.Command(host.setpriv, {
    ...options,
    args: ["--pdeathsig", "KILL", "--no-new-privs", program, ...words],
  });
}

/** For Deno itself; user code sees `FLUXBASE_*` only. */
function environment(host: SpawnHost, denoDir: string): Record<string, string> {
  return {
    DENO_DIR: denoDir,
    DENO_NO_PACKAGE_JSON: "1",
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    ...(host.certificates === undefined ? {} : { DENO_CERT: host.certificates }),
  };
}

/** Its own origin, so that no web storage is shared; the name never resolves (RFC 6761 §6.4). */
function locationOf(id: string): string {
  return `http://fn-${id}.invalid/`;
}

async function connected(listener: Deno.Listener, process: Deno.ChildProcess): Promise<Deno.Conn> {
  const timer = setTimeout(() => closeQuietly(listener), CONNECT_DEADLINE_MS);
  let hasConnected = false;
  process.status.then(() => hasConnected || closeQuietly(listener));
  try {
    const connection = await listener.accept();
    hasConnected = true;
    return connection;
  } catch (error) {
    throw new Error("Cannot start a child process: it did not connect", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function closeQuietly(listener: Deno.Listener): void {
  try {
    listener.close();
  } catch {
    // It is closed already.
  }
}

async function abandon({ process, connection }: Started, reason: unknown): Promise<never> {
  connection.close();
  await discard(process);
  throw reason;
}

async function discard(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
  await Promise.all([process.stdout.cancel(), process.stderr.cancel(), process.status]);
}
