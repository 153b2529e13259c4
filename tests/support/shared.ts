/**
 * What the test files of one `deno test` process share.
 *
 * Each test file has a module graph of its own, so the sharing goes over a directory named after
 * the process. A sweeper waits for the process to end, however it does, stops what runs from that
 * directory and removes it.
 *
 * @module
 */
import { join } from "node:path";

let directory: Promise<string> | undefined;

/** The process's directory. Other users may enter it, since servers run as one. */
export function sharedDirectory(): Promise<string> {
  directory ??= makeDirectory();
  return directory;
}

/**
 * Returns what `make` returned for `name` the first time in this process, in whichever test file.
 */
export async function oncePerProcess(name: string, make: () => Promise<string>): Promise<string> {
  const path = join(await sharedDirectory(), `${name}.once`);
  using file = await Deno.open(path, { read: true, write: true, create: true });
  await file.lock(true);
  const known = await Deno.readTextFile(path);
  if (known !== "") return known;
  const made = await make();
  await Deno.writeTextFile(path, made);
  return made;
}

/** Runs a program and returns what it printed. */
export async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`${program} failed: ${text(stderr)}`);
  return text(stdout);
}

async function makeDirectory(): Promise<string> {
  const path = join(await temporaryRoot(), `fluxbase-test-${Deno.pid}-${await startOfProcess()}`);
  await Deno.mkdir(path, { recursive: true, mode: 0o755 });
  using file = await Deno.open(join(path, "swept"), { read: true, write: true, create: true });
  await file.lock(true);
  if ((await file.stat()).size > 0) return path;
  await run("sh", "-c", SWEEPER, "sweeper", `${Deno.pid}`, path);
  await file.write(new TextEncoder().encode("yes"));
  return path;
}

/** Makes and removes a directory to learn where such ones go. */
async function temporaryRoot(): Promise<string> {
  const path = await Deno.makeTempDir();
  await Deno.remove(path);
  return join(path, "..");
}

/** A number is given to another process one day; together with the start it is unique. */
async function startOfProcess(): Promise<string> {
  const script = `cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || ps -o lstart= -p "$1"`;
  const text = await run("sh", "-c", script, "start", `${Deno.pid}`);
  return text.replace(/\W+/g, "-");
}

const SWEEPER = `(
  trap "" INT HUP TERM
  while kill -0 "$1"; do sleep 0.3; done
  for file in "$2"/*/data/postmaster.pid; do
    [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"
  done
  while [ -d "$2" ]; do rm -rf "$2"; sleep 0.3; done
) >/dev/null 2>&1 </dev/null &`;
