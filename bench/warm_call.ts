/**
 * A warm call through the real server, beside the same handler elsewhere.
 *
 * @module
 */
import { join } from "node:path";
import { bareArguments, LISTENING, SECRET, VALUE, writeBare } from "./support/handler.ts";
import { atLeast, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { Process } from "./support/process.ts";
import { takeTurns } from "./support/rounds.ts";
import { startServer, temporaryDirectory } from "./support/server.ts";
import { startWorkerd } from "./support/workerd.ts";
import { load, type LoadResult } from "./support/wrk.ts";

const PROXY = new URL("./peers/proxy.ts", import.meta.url).pathname;
const FLOOR = new URL("./peers/floor.ts", import.meta.url).pathname;

type Name = "ours" | "workerd" | "bare" | "proxy" | "floor";
type Found = Readonly<Record<Name, readonly LoadResult[]>>;

/** Measures latency at 1 connection and throughput at 16. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const server = await startServer({ scope });
  const directory = await temporaryDirectory(scope);
  const urls: Record<Name, string> = {
    ours: server.helloUrl,
    workerd: await startWorkerd(scope),
    bare: await startBare(scope, directory),
    proxy: await startProxy(scope, directory),
    floor: await startFloor(scope, directory),
  };
  await expectSameAnswer(urls, server.headers);
  const turns = (connections: number) =>
    takeTurns(
      quick ? 3 : 7,
      mapValues(urls, (url) => () =>
        load({ url, connections, seconds: quick ? 1 : 2, headers: server.headers })),
    );
  // First the many calls, so that all engines have made of their code what they will when a single
  // one is timed.
  const many = await turns(16);
  return [...atOne(await turns(1)), ...atSixteen(many)];
}

function atOne({ ours, workerd, bare, proxy, floor }: Found): Measure[] {
  const p50 = (results: readonly LoadResult[]) => results.map((result) => result.p50);
  const p99 = (results: readonly LoadResult[]) => results.map((result) => result.p99);
  return [
    beside("p50, 1 connection", "µs", p50(ours), ["workerd", p50(workerd)], atMost(1)),
    beside("p50, 1 connection", "µs", p50(ours), ["bare", p50(bare)], atMost(1.6)),
    beside("p50, 1 connection", "µs", p50(ours), ["fetch proxy", p50(proxy)]),
    beside("p50, 1 connection", "µs", p50(ours), ["two processes", p50(floor)]),
    beside("two processes, p50", "µs", p50(floor), ["bare", p50(bare)]),
    beside("p99, 1 connection", "µs", p99(ours), ["workerd", p99(workerd)]),
    beside("p99, 1 connection", "µs", p99(ours), ["bare", p99(bare)]),
    beside("p99, 1 connection", "µs", p99(ours), ["fetch proxy", p99(proxy)]),
  ];
}

function atSixteen({ ours, workerd, bare, proxy, floor }: Found): Measure[] {
  const rate = (results: readonly LoadResult[]) => results.map((result) => result.perSecond);
  const p99 = (results: readonly LoadResult[]) => results.map((result) => result.p99);
  return [
    beside("calls, 16 connections", "/s", rate(ours), ["workerd", rate(workerd)], atLeast(1.5)),
    beside("calls, 16 connections", "/s", rate(ours), ["bare", rate(bare)], atLeast(0.2)),
    beside("calls, 16 connections", "/s", rate(ours), ["fetch proxy", rate(proxy)]),
    beside("calls, 16 connections", "/s", rate(ours), ["two processes", rate(floor)]),
    beside("p99, 16 connections", "µs", p99(ours), ["workerd", p99(workerd)], atMost(1)),
    beside("p99, 16 connections", "µs", p99(ours), ["bare", p99(bare)]),
    beside("p99, 16 connections", "µs", p99(ours), ["fetch proxy", p99(proxy)], atMost(1.5)),
  ];
}

async function startBare(
  scope: AsyncDisposableStack,
  directory: string,
  socket?: string,
): Promise<string> {
  const process = scope.use(Process.start(Deno.execPath(), {
    args: bareArguments(await writeBare(directory), socket),
    env: { [SECRET]: VALUE },
    cwd: directory,
    log: join(directory, "bare.log"),
  }));
  const [, port] = await process.printed(LISTENING);
  return `http://127.0.0.1:${port}/`;
}

async function startFloor(scope: AsyncDisposableStack, directory: string): Promise<string> {
  const socket = join(directory, "floor.sock");
  const text = `Hello, ${VALUE}!`;
  const process = scope.use(Process.start(Deno.execPath(), {
    args: ["run", "--allow-all", FLOOR, socket, text],
    cwd: directory,
    log: join(directory, "floor.log"),
  }));
  const [, port] = await process.printed(LISTENING);
  return `http://127.0.0.1:${port}/`;
}

async function startProxy(scope: AsyncDisposableStack, directory: string): Promise<string> {
  const socket = join(directory, "bare.sock");
  await startBare(scope, directory, socket);
  const process = scope.use(Process.start(Deno.execPath(), {
    args: [
      "run",
      "--allow-net",
      `--allow-read=${socket}`,
      `--allow-write=${socket}`,
      PROXY,
      socket,
    ],
    cwd: directory,
    log: join(directory, "proxy.log"),
  }));
  const [, port] = await process.printed(LISTENING);
  return `http://127.0.0.1:${port}/`;
}

/** A contender that answers something else would be fast for no reason. */
async function expectSameAnswer(
  urls: Readonly<Record<Name, string>>,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, url] of Object.entries(urls)) {
    const text = await (await fetch(url, { headers })).text();
    if (text !== `Hello, ${VALUE}!`) throw new Error(`Cannot compare with ${name}: ${text}`);
  }
}

function mapValues<Name extends string, A, B>(
  record: Readonly<Record<Name, A>>,
  change: (value: A) => B,
): Record<Name, B> {
  const entries = Object.entries<A>(record).map(([name, value]) => [name, change(value)]);
  return Object.fromEntries(entries);
}
