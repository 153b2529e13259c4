/**
 * Setting a secret and reading its metadata over HTTP, beside the bare SQL in a Hono route.
 *
 * @module
 */
import { join } from "node:path";
import { createPostgresDatabase, type TestDatabase } from "../tests/support/databases.ts";
import { LISTENING } from "./support/handler.ts";
import { atLeast, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { Process } from "./support/process.ts";
import { takeTurns } from "./support/rounds.ts";
import { setSecret, startServer, temporaryDirectory } from "./support/server.ts";
import { load, type LoadResult } from "./support/wrk.ts";

const SQL_ROUTE = new URL("./peers/sql_route.ts", import.meta.url).pathname;
const NAMES = 64;
const CONNECTIONS = 16;
/** As long as keys of well-known services. */
const BODY = JSON.stringify({ value: "sk_live_".padEnd(40, "x") });

interface Contender {
  /** Where a secret is read and set; `*` stands for its number. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Measures both databases. */
export async function run(options: BenchOptions): Promise<Measure[]> {
  return [...await measure("embedded", options), ...await measure("postgres", options)];
}

async function measure(kind: TestDatabase["name"], options: BenchOptions): Promise<Measure[]> {
  const ours = await startOurs(kind, options.scope);
  const bare = await startBare(kind, options.scope);
  const reads = await takeTurns(options.quick ? 3 : 5, {
    ours: () => read(ours, options),
    bare: () => read(bare, options),
  });
  const sets = await takeTurns(options.quick ? 3 : 5, {
    ours: () => set(ours, options),
    bare: () => set(bare, options),
  });
  const rate = (results: readonly LoadResult[]) => results.map((result) => result.perSecond);
  return [
    beside(`reads, ${kind}`, "/s", rate(reads.ours), ["bare SQL", rate(reads.bare)], atLeast(0.6)),
    beside(`sets, ${kind}`, "/s", rate(sets.ours), ["bare SQL", rate(sets.bare)], atLeast(0.5)),
  ];
}

function read({ url, headers }: Contender, { quick }: BenchOptions): Promise<LoadResult> {
  const seconds = quick ? 1 : 2;
  return load({ url, connections: CONNECTIONS, seconds, headers, names: NAMES });
}

function set({ url, headers }: Contender, { quick }: BenchOptions): Promise<LoadResult> {
  const seconds = quick ? 1 : 2;
  return load({ url, connections: CONNECTIONS, seconds, headers, names: NAMES, body: BODY });
}

async function startOurs(
  kind: TestDatabase["name"],
  scope: AsyncDisposableStack,
): Promise<Contender> {
  const databaseUrl = kind === "postgres" ? await newPostgres(scope) : undefined;
  const server = await startServer({ scope, ...(databaseUrl !== undefined && { databaseUrl }) });
  for (let i = 0; i < NAMES; i++) await setSecret(server, `BENCH_${i}`, "x");
  return { url: `${server.url}/api/v1/admin/secrets/BENCH_*`, headers: server.headers };
}

async function startBare(
  kind: TestDatabase["name"],
  scope: AsyncDisposableStack,
): Promise<Contender> {
  const directory = await temporaryDirectory(scope);
  const place = kind === "postgres" ? await newPostgres(scope) : join(directory, "database");
  const process = scope.use(Process.start(Deno.execPath(), {
    args: ["run", "--allow-all", SQL_ROUTE, kind, place, `${NAMES}`],
    log: join(directory, "log"),
  }));
  const [, port] = await process.printed(LISTENING);
  return { url: `http://127.0.0.1:${port}/BENCH_*`, headers: {} };
}

async function newPostgres(scope: AsyncDisposableStack): Promise<string> {
  const { url, drop } = await createPostgresDatabase();
  scope.defer(drop);
  return url;
}
