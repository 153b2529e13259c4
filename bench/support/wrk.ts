/**
 * Load from `wrk`: bounded in time, always at this machine.
 *
 * @module
 */

/** What is asked for, how often at once and for how long. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How many names are asked for in turn; the URL's `*` stands for the number of one. */
  readonly names?: number;
  /** What is sent as JSON with PUT; left out, it is GET. */
  readonly body?: string;
}

/** What came of it. */
export interface LoadResult {
  /** Latencies in µs. */
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

const REPORT = `
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"p50":%f,"p99":%f,"perSecond":%f,"failed":%d}\\n',
    latency:percentile(50), latency:percentile(99),
    summary.requests / summary.duration * 1e6, failed))
end
`;

/**
 * Loads a server.
 *
 * @throws {Error} When `wrk` is missing, or when one request failed.
 */
export async function load(options: Load): Promise<LoadResult> {
  const url = new URL(options.url);
  if (url.hostname !== "127.0.0.1") throw new Error("Cannot load another machine");
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, REPORT + (options.names ? namesScript(url, options) : ""));
    return await run([...argumentsOf(options), "-s", script, url.href]);
  } finally {
    await Deno.remove(script);
  }
}

function argumentsOf({ connections, seconds, headers = {} }: Load): string[] {
  return [
    "--threads=1",
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
  ];
}

function namesScript({ pathname }: URL, { names, body }: Load): string {
  const [before, after] = pathname.split("*").map((part) => JSON.stringify(part));
  const put = `
  wrk.method, wrk.body = "PUT", ${JSON.stringify(body)}
  wrk.headers["content-type"] = "application/json"`;
  return `
local requests, count = {}, 0
function init()${body === undefined ? "" : put}
  for i = 0, ${names! - 1} do requests[i] = wrk.format(nil, ${before} .. i .. ${after}) end
end
function request()
  count = count + 1
  return requests[count % ${names}]
end
`;
}

async function run(args: string[]): Promise<LoadResult> {
  const output = await new Deno.Command("wrk", { args, stdin: "null" }).output().catch((cause) => {
    throw new Error("Cannot run wrk: install it with apt-get install wrk", { cause });
  });
  const text = new TextDecoder().decode(output.stdout);
  const report = /^\{.*\}$/m.exec(text)?.[0];
  if (report === undefined) throw new Error(`Cannot read what wrk says: ${text}`);
  const { failed, ...result } = JSON.parse(report) as LoadResult & { failed: number };
  if (failed > 0) throw new Error(`Cannot use a round: ${failed} requests failed`);
  return result;
}
