/**
 * The product's server, started as its users start it.
 *
 * @module
 */
import { join } from "node:path";
import { generateRootKey } from "../../lib/crypto/root_key.ts";
import { FUNCTION, SECRET, VALUE } from "./handler.ts";
import { Process } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const READY = /Server +(http:\S+)/;
/** Set by whoever runs the bench, perhaps, and not for this server. */
const SETTING = /^(FLUXBASE_.*|DATABASE_URL)$/;

/** A running server with the function `hello` and the secret that it reads. */
export interface Server {
  readonly url: string;
  readonly key: string;
  readonly dataDir: string;
  readonly process: Process;
  /** Where `hello` is called. */
  readonly helloUrl: string;
  /** What every request to it carries. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Options of {@linkcode startServer}. */
export interface ServerOptions {
  readonly scope: AsyncDisposableStack;
  /** PostgreSQL; the embedded database when left out. */
  readonly databaseUrl?: string;
}

/** Starts `deno task start` on a new data directory, and sets the secret. */
export async function startServer({ scope, databaseUrl }: ServerOptions): Promise<Server> {
  const directory = await temporaryDirectory(scope);
  const functions = join(directory, "functions");
  await Deno.mkdir(functions);
  await Deno.writeTextFile(join(functions, "hello.js"), FUNCTION);
  const process = scope.use(Process.start(Deno.execPath(), {
    args: ["task", "start"],
    cwd: ROOT,
    env: {
      ...foreignSettingsUnset(),
      FLUXBASE_PORT: "0",
      FLUXBASE_DATA_DIR: join(directory, "data"),
      FLUXBASE_FUNCTIONS_DIR: functions,
      ...(databaseUrl !== undefined && {
        DATABASE_URL: databaseUrl,
        FLUXBASE_ENCRYPTION_KEY: generateRootKey().text,
      }),
    },
    log: join(directory, "log"),
  }));
  const [, url] = await process.printed(READY);
  const dataDir = join(directory, "data");
  const key = (await Deno.readTextFile(join(dataDir, "admin.key"))).trim();
  const server = {
    url: url!,
    key,
    dataDir,
    process,
    helloUrl: `${url}/api/v1/functions/hello/invoke`,
    headers: { authorization: `Bearer ${key}` },
  };
  await setSecret(server, SECRET, VALUE);
  return server;
}

/** Creates a secret. */
export async function setSecret(
  { url, headers }: Pick<Server, "url" | "headers">,
  name: string,
  value: string,
): Promise<void> {
  const response = await fetch(`${url}/api/v1/admin/secrets`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ name, value }),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`Cannot set a secret: ${response.status} ${text}`);
}

/** A new directory for this user alone, removed at the end of `scope`. */
export async function temporaryDirectory(scope: AsyncDisposableStack): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "fluxbase-bench-" });
  scope.defer(() => Deno.remove(directory, { recursive: true }));
  return directory;
}

/** An empty setting counts as unset. */
function foreignSettingsUnset(): Record<string, string> {
  const names = Object.keys(Deno.env.toObject()).filter((name) => SETTING.test(name));
  return Object.fromEntries(names.map((name) => [name, ""]));
}
