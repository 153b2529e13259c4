/**
 * The words with which `deno task start` starts the server, read from `deno.json`, so that tests
 * run it with the very permissions that people do.
 *
 * @module
 */
const EXECUTABLE = /\$\(deno eval '[^']*'\)/g;

/**
 * The arguments of `deno` in the task `start`, with absolute paths.
 *
 * @param root The project's directory, with a slash at the end.
 * @throws {Error} When the task is no longer one command that can be read here.
 */
export async function startArguments(root: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const line = String(tasks.start).replaceAll(EXECUTABLE, Deno.execPath());
  const [program, verb, ...words] = line.split(" ");
  const isPlain = /^[\w\s.,:=/-]+$/.test(line) && words.at(-1) === "main.ts";
  if (program !== "deno" || verb !== "run" || !isPlain) {
    throw new Error("Cannot read the task 'start' of deno.json: it is not one plain command");
  }
  return ["run", `--config=${root}deno.json`, ...words.slice(0, -1), `${root}main.ts`];
}
