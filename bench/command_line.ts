/**
 * The command line, from its start to its end, beside an empty script.
 *
 * @module
 */
import { atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { takeTurns, timed } from "./support/rounds.ts";
import { setSecret, startServer, temporaryDirectory } from "./support/server.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const SECRETS = 20;

/** Measures `--help` and `secrets list`. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const server = await startServer({ scope });
  for (let i = 0; i < SECRETS; i++) await setSecret(server, `BENCH_${i}`, "x");
  // As on the server's machine: the key is found, and the server shows that it holds it.
  const env = { FLUXBASE_SERVER: server.url, FLUXBASE_DATA_DIR: server.dataDir };
  const directory = await temporaryDirectory(scope);
  const empty = `${directory}/empty.ts`;
  await Deno.writeTextFile(empty, "");
  const command = await taskCommand();
  const { help, list, nothing } = await takeTurns(quick ? 5 : 25, {
    help: () => timed(() => runDeno([...command, "--help"], env)),
    list: () => timed(() => runDeno([...command, "secrets", "list"], env)),
    nothing: () => timed(() => runDeno(["run", empty], env)),
  });
  return [
    beside("cli --help", "ms", help, ["empty script", nothing], atMost(1.5)),
    beside("cli secrets list", "ms", list, ["empty script", nothing], atMost(3)),
  ];
}

/** The words after `deno` of the task `cli`. */
async function taskCommand(): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  return (tasks.cli as string).split(" ").slice(1);
}

async function runDeno(args: string[], env: Record<string, string>): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env,
    cwd: ROOT,
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot use a run that failed: ${new TextDecoder().decode(stderr)}`);
  }
}
