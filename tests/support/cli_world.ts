/**
 * Tests of the command line over the real app.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Api, withApi } from "./api.ts";
import { type CliOptions, type CliResult, runCli } from "./cli.ts";
import { withDatabase } from "./databases.ts";
import { joinWorld, type World } from "./world.ts";

/** A command line with the administrator's key. */
export type Run = (words: readonly string[], options?: CliOptions) => Promise<CliResult>;

/** Where nobody listens: a port that was free a moment ago. */
export const NOBODY = `http://127.0.0.1:${freePort()}`;

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Registers a test with a server of its own, on the database that starts faster. */
export function testCli(
  name: string,
  test: (run: Run, api: Api, world: World) => Promise<void>,
): void {
  Deno.test(name, () =>
    withDatabase("postgres", async (database) => {
      const world = await joinWorld(database);
      await withApi(world, async (api) => {
        const env = { FLUXBASE_SERVER: api.server, FLUXBASE_TOKEN: api.adminKey };
        const run: Run = (words, options) =>
          runCli(words, { ...options, env: { ...env, ...options?.env } });
        await test(run, api, world);
      });
    }));
}

/** Runs a command line that must succeed and returns what it printed. */
export async function good(
  run: Run,
  words: readonly string[],
  options?: CliOptions,
): Promise<string> {
  const { code, out, err } = await run(words, options);
  assertEquals(code, 0, `${words.join(" ")}\n${err}`);
  return out;
}
