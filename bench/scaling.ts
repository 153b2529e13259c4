/**
 * Calls a second of one and of two api servers on one PostgreSQL, under the same number of clients.
 *
 * @module
 */
import { ServerProcess } from "../tests/support/server.ts";
import { withSite } from "../tests/support/site.ts";
import { type BenchOptions, beside, type Measure } from "./support/measure.ts";
import { load } from "./support/wrk.ts";

const CLIENTS = 16;
const HELLO = `export default () => new Response("hello " + secrets.get("NAME"));`;

/** Measures how calls grow with a second server; both share this machine's cores with the load. */
export async function run({ quick }: BenchOptions): Promise<Measure[]> {
  const [rounds, seconds] = quick ? [1, 1] : [3, 3];
  const one: number[] = [];
  const two: number[] = [];
  await withSite("postgres", async (site) => {
    await site.write("hello.ts", HELLO);
    const first = await ServerProcess.start(site);
    const dataDir = `${site.directory}/second`;
    const second = await ServerProcess.start({
      ...site,
      env: { ...site.env, FLUXBASE_DATA_DIR: dataDir },
    });
    try {
      const key = first.adminKey;
      await first.set("NAME", "world");
      for (const server of [first, second]) await server.call("hello", { key });
      const ask = (server: ServerProcess, connections: number) =>
        load({
          url: `${server.url}/api/v1/functions/hello/invoke`,
          connections,
          seconds,
          headers: { authorization: `Bearer ${key}` },
        });
      for (let round = 0; round < rounds; round++) {
        one.push((await ask(first, CLIENTS)).perSecond);
        const both = await Promise.all([first, second].map((s) => ask(s, CLIENTS / 2)));
        two.push(both[0]!.perSecond + both[1]!.perSecond);
      }
    } finally {
      await Promise.all([first.end(), second.end()]);
    }
  });
  return [beside(`calls, ${CLIENTS} connections, two servers`, "/s", two, ["one server", one])];
}
