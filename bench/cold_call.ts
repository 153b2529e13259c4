/**
 * A function's first call: from asking for a process to the response, beside a bare `deno run`.
 *
 * @module
 */
import { Plaintext } from "../lib/crypto/plaintext.ts";
import { buildInjection } from "../lib/resolve/injection.ts";
import { parseSecretName } from "../lib/resolve/ref.ts";
import { Child } from "../lib/runtime/child.ts";
import { type ChildShape, CLOSED_ADDRESSES } from "../lib/runtime/permissions.ts";
import { Pool } from "../lib/runtime/pool.ts";
import { Recipes } from "../lib/runtime/recipes.ts";
import { Spares } from "../lib/runtime/spares.ts";
import { type SpawnHost, withCache } from "../lib/runtime/spawn.ts";
import { bareArguments, FUNCTION, LISTENING, SECRET, VALUE, writeBare } from "./support/handler.ts";
import { atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { takeTurns } from "./support/rounds.ts";
import { temporaryDirectory } from "./support/server.ts";

const SHAPE = {
  network: { allow: "public" as const, deny: CLOSED_ADDRESSES },
  heapMb: 192,
};
const LIMITS = {
  answerMs: 30_000,
  streamMs: 30_000,
  memoryBytes: 256 * 2 ** 20,
  bodyBytes: 2 ** 20,
};
const REQUEST = { method: "GET", url: "http://localhost/hello", headers: [] };

/** Measures with no spare process, with one that is ready, and bare. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const directory = await temporaryDirectory(scope);
  const bare = await writeBare(directory);
  const tools = { deno: Deno.execPath(), setpriv: "setpriv", prlimit: "prlimit" };
  const host = withCache({ ...tools, directory }, SHAPE);
  const { fresh, spare, plain } = await takeTurns(quick ? 5 : 25, {
    fresh: () => callOnce(new Spares(host, 0)),
    spare: async () => callOnce(await ReadySpares.open(host)),
    plain: () => runOnce(directory, bare),
  });
  return [
    beside("no spare, to the response", "ms", fresh, ["deno run", plain], atMost(1.7)),
    beside("with a spare, to the response", "ms", spare, ["no spare", fresh], atMost(0.4)),
    beside("with a spare, to the response", "ms", spare, ["deno run", plain]),
  ];
}

/** A stock whose spare is ready for certain; as always, what is taken from it is started again. */
class ReadySpares extends Spares {
  #ready: Child | undefined;

  static async open(host: SpawnHost): Promise<ReadySpares> {
    const spares = new ReadySpares(host, 1);
    spares.#ready = await Child.spawn(host, SHAPE);
    return spares;
  }

  override take(shape: ChildShape): Promise<Child> {
    const ready = this.#ready;
    this.#ready = undefined;
    return ready === undefined ? super.take(shape) : Promise.resolve(ready);
  }
}

/** The time that the pool takes from a start to the whole answer, in ms. */
async function callOnce(spares: Spares): Promise<number> {
  const pool = new Pool(spares, null, {
    maxChildren: 8,
    idleMs: 60_000,
    perFunction: { children: 2, comfortable: 32, most: 256 },
  });
  try {
    const recipe = newRecipe();
    const start = performance.now();
    const instance = await pool.start(recipe);
    const { call } = instance.call("bench", REQUEST, null, LIMITS, neverAborted);
    const { status } = await call.answer;
    const elapsed = performance.now() - start;
    if (status !== 200) throw new Error(`Cannot use a call that was answered with ${status}`);
    return elapsed;
  } finally {
    await pool.close(0);
  }
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

function newRecipe() {
  const injection = buildInjection([{
    name: parseSecretName(SECRET),
    scope: "global",
    version: 1,
    value: Plaintext.fromText(VALUE),
  }], Infinity);
  const sink = { given() {}, finished() {}, line() {} };
  const target = { name: "hello", namespace: null, principal: null, requestId: "bench" };
  const code = { code: FUNCTION, hash: "bench" };
  return new Recipes({ sink, shape: SHAPE, limits: LIMITS }).get(target, code, injection);
}

/** The time that the bare server takes from its start to the whole answer, in ms. */
async function runOnce(cwd: string, path: string): Promise<number> {
  const start = performance.now();
  await using process = new Deno.Command(Deno.execPath(), {
    args: bareArguments(path),
    env: { [SECRET]: VALUE },
    cwd,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (!LISTENING.test(printed)) printed += (await reader.read()).value ?? "";
  const [, port] = LISTENING.exec(printed)!;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  await response.text();
  const elapsed = performance.now() - start;
  process.kill("SIGKILL");
  await reader.cancel();
  return elapsed;
}
