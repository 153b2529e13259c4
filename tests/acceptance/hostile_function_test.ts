import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { throughNames, whyNoFalseNames } from "../support/false_host.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { type Site, testOnSites, withSite } from "../support/site.ts";

const NAMES = { "inside.example": "127.0.0.1", "metadata.example": "169.254.169.254" };
const noNames = await whyNoFalseNames();
if (noNames !== undefined) console.log(`Names that lead inside are not tried: ${noNames}`);

/** What an attempt came to. */
interface Outcome {
  readonly got?: unknown;
  readonly refused?: string;
  readonly code?: string;
}

const NOT_ALLOWED = /NotCapable|Requires (?:read|write|net|run|env|sys|ffi) access/;
const OWN_ENV = { FLUXBASE_FUNCTION_NAME: "hostile", FLUXBASE_SECRET_OWN: "its own value" };

/** How attempts end that don't end with {@linkcode NOT_ALLOWED}. `null`: there is nothing to get. */
const OTHERWISE: readonly (readonly [probe: RegExp, want: RegExp | { readonly got: unknown }])[] = [
  [/^env (?:all|process)$/, { got: OWN_ENV }],
  [/^env process keys$/, { got: Object.keys(OWN_ENV) }],
  [/^(?:env|storage) (?!worker)/, { got: null }],
  // The server gives no input.
  [/^file stdin$/, { got: null }],
  [/^file sqlite spill$/, /disk I\/O error/],
  [/^import passwd bytes/, /"bytes" is not a valid module type/],
  // It is loaded already, and exports nothing.
  [/^import bootstrap$/, { got: [] }],
  [/^import npm/, /--no-npm is specified/],
  [/^import (?:jsr|https)$/, /--no-remote is specified/],
  // What it prepares in memory counts as a file.
  [/^run node fork$/, /File too large/],
  [/^run (?:raw bindings|node spawn at once)$/, { got: null }],
  [/^report$/, { got: null }],
  // The snapshot is made before it is refused, and may not fit.
  [/^heap snapshot$/, /NotCapable|FUNCTION_OUT_OF_MEMORY/],
  [/^worker env$/, { got: "undefined" }],
  [/^worker threads env$/, { got: { PATH: "own" } }],
  // Asking for a worker's rights ends the process.
  [/^worker (?:all rights|more)/, /FUNCTION_CRASHED/],
  [/^storage worker local$/, { got: "undefined" }],
  [/^storage worker caches$/, /Failed to create cache storage/],
  [/^permission ask/, { got: "denied" }],
];

async function attempt(server: ServerProcess, probe: string, given: unknown): Promise<Outcome> {
  const path = `hostile?probe=${encodeURIComponent(probe)}`;
  return JSON.parse((await server.call(path, { json: given })).text);
}

function assertRefused(probe: string, outcome: Outcome): void {
  const want = OTHERWISE.find(([name]) => name.test(probe))?.[1] ?? NOT_ALLOWED;
  if (!(want instanceof RegExp)) return assertEquals(outcome, want, probe);
  assertEquals(outcome.got, undefined, probe);
  assertMatch(outcome.refused ?? outcome.code ?? "", want, probe);
}

async function source(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(`./functions/${name}`, import.meta.url));
}

/** What somebody knows who has seen the source and the machine. */
function whereThingsAre(server: ServerProcess) {
  const { dataDir, functionsDir, directory, databaseUrl } = server.site;
  return {
    ...{ pid: server.pid, dataDir, functionsDir, directory },
    port: Number(new URL(server.url).port),
    databasePort: Number(new URL(databaseUrl ?? "http://localhost:5432").port),
    bootstrap: fileURLToPath(new URL("../../lib/runtime/guest/bootstrap.mjs", import.meta.url)),
    socket: `${dataDir}/run/other/socket`,
  };
}

async function filesOf(directory: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.map(({ name }) => name).sort();
}

async function placeHostile(site: Site): Promise<void> {
  await site.write("hostile.js", await source("hostile.js"));
  await site.write("neighbour.ts", `export default () => new Response("neighbour");`);
}

testOnSites("a function gets nothing that isn't its own", async (site) => {
  await placeHostile(site);
  const through = noNames === undefined ? await throughNames(NAMES, site.directory) : [];
  await withServer(site, async (server) => {
    await server.set("OWN", "its own value");
    const json = { name: "FOREIGN", value: "of another namespace", namespace: "other" };
    await server.ask("POST", "/api/v1/secrets", { json });
    const files = [await filesOf(site.directory), await filesOf(site.functionsDir)];
    const probes: string[] = JSON.parse((await server.call("hostile")).text);
    assert(probes.length > 100);
    for (const probe of probes) {
      if (probe.includes("resolved name") && noNames !== undefined) continue;
      assertRefused(probe, await attempt(server, probe, whereThingsAre(server)));
    }
    assertEquals([await filesOf(site.directory), await filesOf(site.functionsDir)], files);
    assertEquals((await server.call("neighbour")).text, "neighbour");
  }, { through });
});

Deno.test("a server that listens everywhere is closed to functions at every address", async () => {
  const code = `export default async (req) => {
    const seen = {};
    for (const url of await req.json()) {
      seen[url] = await fetch(url).then((response) => response.text(), (error) => error.name);
    }
    return Response.json(seen);
  };`;
  const port = freePort();
  const machine = Deno.networkInterfaces().filter(({ family }) => family === "IPv4");
  const addresses = ["localhost", "127.0.0.9", ...machine.map(({ address }) => address)];
  const urls = addresses.map((address) => `http://${address}:${port}/healthz`);
  await withSite("postgres", async (site) => {
    await site.write("look.js", code);
    await withServer(site, async (server) => {
      for (const url of urls) {
        const response = await fetch(url);
        await response.body?.cancel();
        assertEquals(response.status, 200, url);
      }
      const { text } = await server.call("look", { json: urls });
      assertEquals(JSON.parse(text), Object.fromEntries(urls.map((url) => [url, "NotCapable"])));
    }, { env: { FLUXBASE_HOST: "0.0.0.0", FLUXBASE_PORT: `${port}` } });
  });
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  return listener.addr.port;
}

Deno.test("a list of hosts closes every other address, and abstract sockets", async () => {
  const code = `const tries = {
    other: () => fetch("http://example.com/"), loopback: () => fetch("http://127.0.0.1:8080/"),
    connect: () => Deno.connect({ transport: "unix", path: "\\0somebody" }),
    listen: async () => Deno.listen({ transport: "unix", path: "\\0somebody" }),
  };
  export default async () => {
    const seen = {};
    for (const [name, attempt] of Object.entries(tries)) {
      seen[name] = await attempt().then(() => "got it", (error) => error.name);
    }
    return Response.json(seen);
  };`;
  await withSite("postgres", async (site) => {
    await site.write("look.js", code);
    await withServer(site, async (server) => {
      const refused = "NotCapable";
      assertEquals(JSON.parse((await server.call("look")).text), {
        ...{ other: refused, loopback: refused, connect: refused, listen: refused },
      });
    }, { env: { FLUXBASE_FUNCTIONS_ALLOW_NET: "api.example" } });
  });
});

Deno.test("a source that reaches outside of the functions directory is not served", async () => {
  const passwd = `"file:///etc/passwd"`;
  const sources: Readonly<Record<string, string>> = {
    static_text: `import x from ${passwd} with { type: "text" }; export default () => x;`,
    static_bytes: `import x from ${passwd} with { type: "bytes" }; export default () => x;`,
    reexport: `export { default } from ${passwd} with { type: "text" };`,
    dynamic: `export default async () => (await import(${passwd}, { with: { type: "text" } }));`,
    above: `import x from "../data/root.key" with { type: "text" }; export default () => x;`,
    absolute: `import x from "/etc/passwd" with { type: "text" }; export default () => x;`,
    linked_text: `import x from "./_link.txt" with { type: "text" }; export default () => x;`,
    linked_code: `import x from "./_link.ts"; export default () => x;`,
    linked_folder: `import x from "./_etc/passwd" with { type: "text" }; export default () => x;`,
    required: `import { createRequire } from "node:module";
      export default () => createRequire(import.meta.url)("/etc/passwd");`,
    remote: `import x from "https://example.com/a.js"; export default () => x;`,
  };
  await withSite("embedded", async (site) => {
    await withServer(site, async (server) => {
      for (const [name, code] of Object.entries(sources)) await site.write(`${name}.ts`, code);
      const outside = `${site.directory}/outside.ts`;
      await Deno.writeTextFile(outside, `export default () => new Response("outside");`);
      const link = (to: string, name: string) => Deno.symlink(to, `${site.functionsDir}/${name}`);
      await link(`${site.dataDir}/root.key`, "_link.txt");
      await link(outside, "_link.ts");
      await link("/etc", "_etc");
      await link(outside, "linked.ts");
      await Deno.mkdir(`${site.directory}/folder`);
      await Deno.rename(outside, `${site.directory}/folder/index.ts`);
      await link(`${site.directory}/folder`, "folder");
      const rootKey = (await Deno.readTextFile(`${site.dataDir}/root.key`)).trim();
      for (const name of [...Object.keys(sources), "linked", "folder"]) {
        const { status, text } = await server.call(name);
        assert([404, 500].includes(status), `${name}: ${status} ${text}`);
        assertMatch(text, /"code":"FUNCTION_(INVALID|FAILED|NOT_FOUND)"/, name);
        assertNotMatch(text, /root:|outside\./, name);
        assert(!text.includes(rootKey) && !server.err.includes(rootKey), name);
      }
    });
  });
});
