/**
 * Starts a child process and waits until it has connected back.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type ChildPaths, type ChildShape, denoArguments } from "./permissions.ts";

/** Where and with what children are started. */
export interface SpawnHost {
  /** Path of the Deno executable. */
  readonly deno: string;
  /**
   * Path or name of `setpriv` (util-linux), or `null` where there is none. With it the kernel kills
   * a child whose server is gone, even one that never looks at its socket.
   */
  readonly setpriv: string | null;
  /** A directory that only this user can enter; sockets live in it until they are connected. */
  readonly directory: string;
  /** PEM file of additional certificate authorities that user code trusts. */
  readonly certificates?: string;
}

/** A started child that has connected. */
export interface Spawned {
  readonly process: Deno.ChildProcess;
  readonly connection: Deno.Conn;
}

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
  const socket = `${host.directory}/${id}`;
  const listener = Deno.listen({ transport: "unix", path: socket });
  let process: Deno.ChildProcess | undefined;
  try {
    process = command(host, shape, { bootstrap: BOOTSTRAP, socket, location: locationOf(id) })
      .spawn();
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

function command(host: SpawnHost, shape: ChildShape, paths: ChildPaths): Deno.Command {
  const args = denoArguments(shape, paths);
  const options = {
    clearEnv: true,
    env: environment(host),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  } as const;
  if (host.setpriv === null) return new Deno.Command(host.deno, { ...options, args });
  return new Deno.Command(host.setpriv, {
    ...options,
    args: ["--pdeathsig", "KILL", "--no-new-privs", host.deno, ...args],
  });
}

/** For Deno itself; user code sees `FLUXBASE_*` only. A DENO_DIR that can't exist keeps it off disk. */
function environment(host: SpawnHost): Record<string, string> {
  return {
    DENO_DIR: "/dev/null/deno",
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

async function discard(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
  await Promise.all([process.stdout.cancel(), process.stderr.cancel(), process.status]);
}
