import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startServer } from "../../main.ts";
import { readConfig } from "../../lib/server/config.ts";
import { generateRootKey } from "../../lib/crypto/root_key.ts";
import { createLog } from "../../lib/log.ts";
import { type CliOptions, type CliResult, hostEnvironment, runCli } from "../support/cli.ts";
import { createPostgresDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";

const HELLO = `export default async (request) => {
  const body = await request.text();
  if (body === '"refuse"') {
    return Response.json({ error: "not mine", code: "ACCESS_DENIED" }, { status: 418 });
  }
  if (body === '"bytes"') return new Response(new Uint8Array([0, 255, 10, 13]));
  if (body === '"exit"') Deno.exit(3);
  if (body === '"throw"') throw new Error("why it failed");
  const type = request.headers.get("content-type");
  return Response.json([request.method, type, body, secrets.get("API_KEY") ?? null]);
};`;
const BROKEN = `throw new Error("why it can't load");`;
const PRODUCTION = `export default () => new Response(secrets.get("API_KEY"));`;

/** Runs `test` with a whole server on this machine, which the command line finds by itself. */
async function withServer(
  test: (run: (words: string[], options?: CliOptions) => Promise<CliResult>) => Promise<void>,
): Promise<void> {
  const { url, drop } = await createPostgresDatabase();
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  await Deno.mkdir(`${directory}/functions/@production`, { recursive: true });
  await Deno.writeTextFile(`${directory}/functions/hello.ts`, HELLO);
  await Deno.writeTextFile(`${directory}/functions/@production/hello.ts`, PRODUCTION);
  await Deno.writeTextFile(`${directory}/functions/@production/broken.ts`, BROKEN);
  const config = readConfig({
    FLUXBASE_PORT: "0",
    FLUXBASE_DATA_DIR: `${directory}/data`,
    FLUXBASE_FUNCTIONS_DIR: `${directory}/functions`,
    FLUXBASE_ENCRYPTION_KEY: generateRootKey().text,
    DATABASE_URL: url,
  });
  const server = await startServer(config, createLog({ write: () => {} }), hostEnvironment());
  const env = { FLUXBASE_PORT: String(server.port), FLUXBASE_DATA_DIR: `${directory}/data` };
  try {
    await test((words, options) => runCli(words, { ...options, env }));
  } finally {
    await server.close(0);
    await drop();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a secret set by the command line is read by a function called by it", () =>
  withServer(async (run) => {
    const call = async (
      ...words: string[]
    ) => (await run(["functions", "invoke", "hello", ...words]));
    assertEquals((await run(["secrets", "set", "API_KEY", "global-1"])).code, 0);
    await run(["secrets", "set", "API_KEY", "production-1", "--namespace", "production"]);
    assertEquals(
      (await run(["functions", "list", "--no-headers"])).out,
      [
        "hello   -           directory  -  -",
        "broken  production  directory  -  -",
        "hello   production  directory  -  -",
        "",
      ].join("\n"),
    );
    assertEquals(
      (await call("--data", '{"a":1}')).out,
      JSON.stringify(["POST", "application/json", '{"a":1}', "global-1"]),
    );
    assertEquals((await call("--namespace", "production")).out, "production-1");
    assertEquals((await call("--method", "get")).out, `["GET",null,"","global-1"]`);
    const piped = await run(["fn", "invoke", "hello", "--data=-"], { stdin: "plain\n" });
    assertEquals(piped.out, `["POST","application/octet-stream","plain\\n","global-1"]`);
    await run(["secrets", "set", "API_KEY", "global-2"]);
    assertStringIncludes((await call()).out, "global-2");
  }));

Deno.test("the log has a call as soon as it is answered", () =>
  withServer(async (run) => {
    await run(["secrets", "set", "API_KEY", "global-1"]);
    for (let i = 1; i <= 3; i++) {
      await run(["functions", "invoke", "hello"]);
      const { out } = await run(["logs", "list", "--no-headers", "--search", "FLUXBASE_SECRET"]);
      assertEquals(out.match(/ read FLUXBASE_SECRET_API_KEY /g)?.length, i);
      const calls = (await run(["functions", "logs", "hello"])).out;
      assertEquals(calls.match(/ completed /g)?.length, i);
    }
  }));

Deno.test("functions invoke tells a function's refusal from the server's", () =>
  withServer(async (run) => {
    const call = (...words: string[]) => run(["functions", "invoke", ...words]);
    const own = await call("hello", "--data", '"refuse"');
    assertEquals([own.code, own.out], [1, `{"error":"not mine","code":"ACCESS_DENIED"}`]);
    assertStringIncludes(own.err, "Error: The function answered with status 418");
    const crash = await call("hello", "--data", '"exit"');
    assertEquals([crash.code, crash.out], [1, ""]);
    assertStringIncludes(crash.err, "ended before it answered");
    const missing = await call("nobody");
    assertEquals([missing.code, missing.out], [4, ""]);
    assert(missing.err.startsWith("Error: Function not found\n"));
    assertEquals((await call("../secrets")).code, 2);
    assertEquals((await call("hello", "--method", "GET", "--data", "1")).code, 2);
  }));

Deno.test("functions invoke names the command that shows why a call failed", () =>
  withServer(async (run) => {
    const calls: [words: string[], why: string][] = [
      [["hello", "--data", '"throw"'], "Error: why it failed"],
      [["broken", "--namespace", "production"], "Error: why it can't load"],
    ];
    for (const [words, why] of calls) {
      const { code, err } = await run(["functions", "invoke", ...words]);
      assertEquals(code, 1);
      const named = /^See what it printed with: (.+)$/m.exec(err)?.[1];
      assert(named !== undefined, err);
      await until(why, async () => (await run(named.split(" "))).out.includes(why));
    }
  }));
