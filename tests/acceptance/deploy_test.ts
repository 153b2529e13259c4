import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess, withServer } from "../support/server.ts";
import { type Site, testOnSites, withSite } from "../support/site.ts";
import { until } from "../support/until.ts";

/** How long a replica may go on with what it knows, ms. */
const BOUND_MS = 1_000;
const CLIENTS = 16;
const DEPLOYMENTS = 12;

/** Writes files into a directory of their own, from which they are deployed. */
async function sources(site: Site, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = `${site.directory}/sources`;
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  for (const [path, text] of Object.entries(files)) {
    const file = `${directory}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
  return directory;
}

async function run(server: ServerProcess, ...words: string[]): Promise<string> {
  const { code, out, err } = await server.cli(words);
  assertEquals(code, 0, err);
  return out;
}

const GREET = `import { greeting } from "./_shared/greeting.ts";
export default () => new Response(greeting + " " + (secrets.get("NAME") ?? "nobody"));\n`;

testOnSites("the command line deploys, compares, prunes, rolls back and deletes", async (site) => {
  await withServer(site, async (server) => {
    const directory = await sources(site, {
      "_shared/greeting.ts": `export const greeting = "hello";\n`,
      "greet.ts": GREET,
      "old.ts": `export default () => new Response("old");\n`,
      ".env": "SECRET=1",
    });
    const deploy = (...words: string[]) =>
      run(server, "functions", "deploy", "--dir", directory, ...words);
    assertStringIncludes(await deploy("--dry-run"), "Would be: 2 created");
    assertEquals((await server.call("greet")).status, 404);
    assertEquals(
      await deploy(),
      "created  greet\ncreated  old\n2 created, 0 updated, 0 deleted, 0 unchanged.\n",
    );
    await server.set("NAME", "Ada");
    assertEquals((await server.call("greet")).text, "hello Ada");
    await Deno.remove(`${directory}/old.ts`);
    await Deno.writeTextFile(
      `${directory}/_shared/greeting.ts`,
      `export const greeting = "ahoy";\n`,
    );
    assertEquals(
      await deploy("--prune"),
      "updated  greet\ndeleted  old\n0 created, 1 updated, 1 deleted, 0 unchanged.\n",
    );
    assertEquals((await server.call("greet")).text, "ahoy Ada");
    assertEquals((await server.call("old")).status, 404);
    await Deno.writeTextFile(`${directory}/greet.ts`, "export default () => {\n  return (\n};\n");
    const broken = await server.cli(["functions", "sync", "--dir", directory]);
    assertEquals(broken.code, 2);
    assertStringIncludes(broken.err, "Error: greet.ts:3:1: ");
    assertEquals((await server.call("greet")).text, "ahoy Ada");
    assertStringIncludes(
      await run(server, "functions", "rollback", "greet", "1"),
      "Its code is now version 3.",
    );
    assertEquals((await server.call("greet")).text, "hello Ada");
    const gone = await server.cli(["functions", "rollback", "greet", "9"]);
    assertStringIncludes(gone.err, "See the versions with: functions versions greet\n");
    const versions = await run(server, "functions", "versions", "greet", "--no-headers");
    assertEquals(versions.split("\n").map((line) => line.slice(0, 1)).join(""), "321");
    assertStringIncludes(await run(server, "functions", "list"), "deployed");
    assertStringIncludes(await run(server, "functions", "get", "greet"), '"version": 3');
    assertStringIncludes(await run(server, "functions", "get", "greet", "--code"), "export {");
    await until(
      "the calls are recorded",
      async () => (await run(server, "functions", "logs", "greet")).includes("completed  200"),
    );
    await run(server, "functions", "delete", "greet");
    assertEquals((await server.call("greet")).status, 404);
  });
});

/** Two servers that share nothing but the database. */
async function onTwoServers(
  work: (one: ServerProcess, two: ServerProcess, site: Site) => Promise<void>,
): Promise<void> {
  await withSite("postgres", async (site) => {
    await withServer(site, async (one) => {
      const other = `${site.directory}/other`;
      const env = {
        ...site.env,
        FLUXBASE_DATA_DIR: `${other}/data`,
        FLUXBASE_FUNCTIONS_DIR: `${other}/functions`,
      };
      await Deno.mkdir(other);
      await withServer({ ...site, env }, (two) => work(one, two, site));
    });
  });
}

function saying(text: string): { json: unknown } {
  const code = `export default () => new Response(${JSON.stringify(text)});`;
  return { json: { files: [{ path: "hello.ts", text: code }] } };
}

const SYNC = "/api/v1/admin/functions/sync";

Deno.test("what is deployed on one server is served by another without a shared disk", () =>
  onTwoServers(async (one, two, site) => {
    assertEquals((await one.ask("POST", SYNC, saying("v1"))).status, 200);
    const key = { key: one.adminKey };
    assertEquals((await two.call("hello", key)).text, "v1");
    const kept = `${site.directory}/other/data/code/deployed/function`;
    const names = (await Array.fromAsync(Deno.readDir(kept))).map(({ name }) => name);
    assertEquals(names.length, 1);
    assert(/^[0-9a-f]{64}\.js$/.test(names[0] ?? ""));
    await one.ask("POST", SYNC, saying("v2"));
    const acknowledgedAt = performance.now();
    await until("the other server has it", async () => {
      const beganAt = performance.now();
      const { text } = await two.call("hello", key);
      assert(text === "v2" || beganAt - acknowledgedAt <= BOUND_MS, "stale after the bound");
      return text === "v2";
    });
    const answer = await two.ask("DELETE", "/api/v1/functions/hello", key);
    assertEquals(answer.status, 200);
    assertEquals((await two.call("hello", key)).status, 404);
  }));

/** One client that calls until it is over, and checks each answer. */
async function client(
  server: ServerProcess,
  state: { acknowledged: number; over: boolean; calls: number },
): Promise<void> {
  while (!state.over) {
    const atLeast = state.acknowledged;
    const { status, text } = await server.call("hello");
    assertEquals(status, 200, text);
    assert(Number(text) >= atLeast, `${text} after ${atLeast} was acknowledged`);
    state.calls++;
  }
}

testOnSites(
  "no call fails while code is deployed, and new code answers after it is acknowledged",
  async (site) => {
    await withServer(site, async (server) => {
      await server.ask("POST", SYNC, saying("0"));
      const state = { acknowledged: 0, over: false, calls: 0 };
      const clients = Array.from({ length: CLIENTS }, () => client(server, state));
      const deploying = async () => {
        for (let version = 1; version <= DEPLOYMENTS; version++) {
          const { status, text } = await server.ask("POST", SYNC, saying(`${version}`));
          assertEquals(status, 200, text);
          state.acknowledged = version;
          const enough = state.calls + CLIENTS;
          await until("clients have called", () => state.calls >= enough || state.over);
        }
      };
      const end = () => state.over = true;
      await Promise.all([deploying().finally(end), ...clients.map((each) => each.finally(end))]);
      assert(state.calls > CLIENTS * DEPLOYMENTS);
    });
  },
);

testOnSites("a function is open to everybody only when it says so", async (site) => {
  await site.write("shut.ts", "export default () => new Response('in');\n");
  await site.write("open/deno.json", `{ "fluxbase": { "anonymous": true, "secrets": [] } }`);
  await site.write(
    "open/index.ts",
    `export default (request) => {
      if (request.method === "DELETE") throw new Error(String(secrets.get("NAME")));
      return Response.json([request.headers.get("authorization"), secrets.get("NAME") ?? null]);
    };`,
  );
  await withServer(site, async (server) => {
    await server.set("NAME", "hidden from everybody");
    const open = (headers: Record<string, string>) => server.call("open", { key: null, headers });
    assertEquals((await open({})).text, "[null,null]");
    assertEquals((await open({ authorization: "Basic eDp5" })).text, `["Basic eDp5",null]`);
    assertEquals((await open({ authorization: "Bearer a.b.c" })).status, 200);
    assertEquals((await open({ authorization: "Bearer fxsk_wrong" })).status, 401);
    assertEquals((await server.call("open")).text, "[null,null]");
    assertEquals((await server.call("shut", { key: null })).status, 401);
    assertEquals((await server.call("nobody", { key: null })).status, 401);
    const failed = await server.call("open", { key: null, method: "DELETE" });
    assertEquals([failed.status, failed.text.includes("hidden")], [500, false]);
    await site.write("open/deno.json", `{ "fluxbase": { "anonymous": false } }`);
    await until("the change is seen", async () => (await open({})).status === 401);
  });
});

Deno.test("the sync of other clients deploys code by name, with its settings", async () => {
  await withSite("embedded", async (site) => {
    await withServer(site, async (server) => {
      const hello = {
        name: "hello",
        code: "export default async function handler(req) { return new Response('by name'); }",
        timeout_seconds: 5,
        allow_net: false,
        allow_unauthenticated: true,
      };
      const { text } = await server.ask("POST", SYNC, {
        json: { namespace: "team", functions: [hello], options: { delete_missing: true } },
      });
      assertEquals(JSON.parse(text).summary, {
        created: 1,
        updated: 0,
        unchanged: 0,
        deleted: 0,
        errors: 0,
      });
      const call = await server.call("hello?namespace=team", { key: null });
      assertEquals(call.text, "by name");
      const shown = await server.ask("GET", "/api/v1/functions/hello?namespace=team");
      const { timeout_seconds, network, allow_net } = JSON.parse(shown.text);
      assertEquals([timeout_seconds, network, allow_net], [5, [], false]);
      const refused = { ...hello, cron_schedule: "* * * * *" };
      const answer = await server.ask("POST", SYNC, { json: { functions: [refused] } });
      assertEquals(answer.status, 400);
    });
  });
});
