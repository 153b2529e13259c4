/**
 * A hundred functions are deployed: all new, one changed, none changed, beside bundling them with
 * `deno bundle` one after the other.
 *
 * @module
 */
import { join } from "node:path";
import { alone, atMost, type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { median } from "./support/rounds.ts";
import { type Server, startServer, temporaryDirectory } from "./support/server.ts";

const FUNCTIONS = 100;

/** Uploaded files by path. */
type Files = Map<string, string>;

/** Measures deployments on the embedded database. */
export async function run({ quick, scope }: BenchOptions): Promise<Measure[]> {
  const server = await startServer({ scope });
  const directory = await temporaryDirectory(scope);
  const count = quick ? 10 : FUNCTIONS;
  const rounds = quick ? 1 : 3;
  // The first bundling brings the bundler.
  await deploy(server, sourcesOf(1, "warm-up"));
  const fresh: number[] = [];
  const one: number[] = [];
  const none: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const files = sourcesOf(count, `round ${round}`);
    plain.push(await bundlePlainly(join(directory, `${round}`), files));
    fresh.push(await deploy(server, files));
    files.set("f0.ts", sourceOf(0, `round ${round}, changed`));
    one.push(await deploy(server, files));
    none.push(await deploy(server, files));
  }
  const what = `${count} functions`;
  return [
    beside(`${what}, all new`, "ms", fresh, ["deno bundle, one by one", plain], atMost(1)),
    alone(`${what}, one changed`, "ms", median(one)),
    alone(`${what}, none changed`, "ms", median(none)),
    alone("for each new function", "ms", median(fresh) / count),
  ];
}

/** Functions that share a module, as those of one project do. */
function sourcesOf(count: number, text: string): Files {
  const files: Files = new Map([["_shared/text.ts", "export const sign: string = '!';\n"]]);
  for (let i = 0; i < count; i++) files.set(`f${i}.ts`, sourceOf(i, text));
  return files;
}

function sourceOf(number: number, text: string): string {
  return `import { sign } from "./_shared/text.ts";
interface Greeting { readonly text: string; readonly name: string }
export default async function handler(req: Request): Promise<Response> {
  const greeting: Greeting = { text: ${JSON.stringify(text)}, name: await req.text() };
  return Response.json({ ...greeting, number: ${number}, sign });
}
`;
}

/** Deploys files and returns how long that took, in ms. */
async function deploy({ url, headers }: Server, files: Files): Promise<number> {
  const body = { files: [...files].map(([path, text]) => ({ path, text })) };
  const start = performance.now();
  const response = await fetch(`${url}/api/v1/admin/functions/sync`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const elapsed = performance.now() - start;
  if (!response.ok) throw new Error(`Cannot deploy: ${response.status} ${text}`);
  return elapsed;
}

/** Bundles each function with a command of its own and returns how long that took, in ms. */
async function bundlePlainly(directory: string, files: Files): Promise<number> {
  await Deno.mkdir(join(directory, "_shared"), { recursive: true });
  for (const [path, text] of files) await Deno.writeTextFile(join(directory, path), text);
  const start = performance.now();
  for (const path of files.keys()) {
    if (path.startsWith("_")) continue;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--no-config", "--output", `${path}.js`, path],
      cwd: directory,
      stdout: "null",
      stderr: "null",
    }).output();
    if (!success) throw new Error(`Cannot bundle ${path}`);
  }
  return performance.now() - start;
}
