/**
 * The same handler on `workerd`, whose program npm carries.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SECRET, VALUE, WORKER } from "./handler.ts";
import { pause } from "./pause.ts";
import { Process } from "./process.ts";
import { temporaryDirectory } from "./server.ts";

const VERSION = "1.20261117.1";
const START_MS = 20_000;
const POLL_MS = 10;

/** Starts it and returns its URL. */
export async function startWorkerd(scope: AsyncDisposableStack): Promise<string> {
  const program = await fetchProgram();
  const directory = await temporaryDirectory(scope);
  const port = freePort();
  await Deno.writeTextFile(join(directory, "worker.js"), WORKER);
  await Deno.writeTextFile(join(directory, "config.capnp"), config(port));
  scope.use(Process.start(program, {
    args: ["serve", join(directory, "config.capnp")],
    log: join(directory, "log"),
  }));
  const url = `http://127.0.0.1:${port}/`;
  await answering(url);
  return url;
}

function config(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  bindings = [(name = "${SECRET}", text = "${VALUE}")]
);
`;
}

/** Brings the package into Deno's cache, under its own lock file, and returns the program's path. */
async function fetchProgram(): Promise<string> {
  const platform = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "64"}`;
  const specifier = `npm:@cloudflare/workerd-${platform}@${VERSION}`;
  const lock = fileURLToPath(new URL(`./locks/workerd-${platform}.lock`, import.meta.url));
  await deno("cache", "--quiet", "--no-config", "--frozen", `--lock=${lock}`, specifier);
  const info = JSON.parse(await deno("info", "--json", "--no-config", "--no-lock", specifier));
  const [found] = Object.values(info.npmPackages as Record<string, { localPath: string }>);
  return join(found!.localPath, "bin", "workerd");
}

async function deno(...args: string[]): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!output.success) throw new Error(`Cannot bring workerd: ${text(output.stderr)}`);
  return text(output.stdout);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function answering(url: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (true) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new Error("Cannot start workerd", { cause });
      await pause(POLL_MS);
    }
  }
}
