import { assert, assertEquals } from "@std/assert";
import { childrenOf } from "../support/canary.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { KINDS, withSite } from "../support/site.ts";
import { until } from "../support/until.ts";

const NEIGHBOUR = `export default () => new Response("neighbour");`;

Deno.test("a function that writes to its own socket harms itself alone", async () => {
  await withSite("postgres", async (site) => {
    const own = new URL("./functions/own_socket.js", import.meta.url);
    await site.write("own_socket.js", await Deno.readTextFile(own));
    await site.write("neighbour.ts", NEIGHBOUR);
    const env = { FLUXBASE_FUNCTION_TIMEOUT: "1" };
    await withServer(site, async (server) => {
      assertEquals((await server.call("neighbour")).status, 200);
      const deeds: string[] = JSON.parse((await server.call("own_socket")).text);
      const before = await residentBytes(server.pid);
      for (const deed of deeds) {
        const path = `/api/v1/functions/own_socket/invoke?do=${encodeURIComponent(deed)}`;
        const response = await server.fetch("POST", path);
        // Where an answer was forged, its body must not look complete.
        const text = await response.text().catch(() => "broken");
        const { status } = response;
        assert(status >= 500 || text === "broken", `${deed}: ${status} ${text.length}`);
        assertEquals((await server.call("neighbour")).text, "neighbour", deed);
      }
      const grown = await residentBytes(server.pid) - before;
      assert(grown < 150 * 2 ** 20, `the server grew by ${grown} bytes`);
    }, { env });
  });
});

async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1_024;
}

Deno.test({
  name: "a child holds no open file or socket of the server's",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const kind of KINDS) {
      await withSite(kind, async (site) => {
        await site.write("neighbour.ts", NEIGHBOUR);
        await withServer(site, async (server) => {
          await server.set("A", "some value");
          assertEquals((await server.call("neighbour")).status, 200);
          const own = await openFiles(server.pid);
          const children = await childrenOf(server.pid);
          assert(children.length >= 2);
          const cachesOfOthers = new Set<string>();
          for (const child of children) {
            const files = await openFiles(child);
            // Its output goes to the server: both ends of a pipe have one name.
            const shared = files.filter((file) =>
              own.includes(file) && !/^(\/dev\/null|anon_)/.test(file)
            );
            assert(shared.every((file) => file.startsWith("pipe:")), shared.join());
            assert(shared.length <= 3, shared.join());
            const named = files.filter((file) =>
              /^\/(?!dev\/null$|proc\/)/.test(file) && !LIBRARY.test(file)
            );
            // Deno's own caches: a copy for this child alone. A spare may be starting just now.
            const caches = named.filter((file) => /\/run\/\w+\/[\w-]+\.deno\/\S+/.test(file));
            assert(caches.every((file) => !cachesOfOthers.has(directoryOf(file))), caches.join());
            cachesOfOthers.add(directoryOf(caches[0] ?? ""));
            assertEquals(named.filter((file) => !caches.includes(file)), [], "files");
          }
        });
      });
    }
  },
});

/** What the system opens for a moment while a program begins. */
const LIBRARY = /^\/(?:usr\/)?lib(?:64)?\/\S+\.so[\d.]*$|^\/etc\/ld\.so\.cache$/;

function directoryOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}

/** What a process has open, by name; a file that was closed meanwhile is left out. */
async function openFiles(pid: number): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  const links = names.map(({ name }) => Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => ""));
  return [...new Set(await Promise.all(links))];
}

const FORGER = `import { AsyncLocalStorage } from "node:async_hooks";
const { getStore, run } = AsyncLocalStorage.prototype;
const waiting = [];
const forged = (n) => \`\\u001e\${"0".repeat(32)}:\${n}:info forged by mark\`;
export default async (req) => {
  const as = new URL(req.url).searchParams.get("as");
  if (as === "victim") {
    console.log("victim begins");
    await new Promise((resolve) => waiting.push(resolve));
    console.log("victim ends");
  } else if (as === "forger") {
    for (let n = 0; n < 9; n++) {
      console.log(forged(n));
      AsyncLocalStorage.prototype.getStore = () => n;
      console.log("forged by store");
      AsyncLocalStorage.prototype.run = function (_, ...rest) { return run.call(this, n, ...rest); };
      console.log("forged by run");
    }
    Object.assign(AsyncLocalStorage.prototype, { getStore, run });
  } else waiting.forEach((resolve) => resolve());
  return new Response(as);
};`;

Deno.test("a call cannot file its console lines under another call", async () => {
  await withSite("postgres", async (site) => {
    await site.write("forger.js", FORGER);
    await withServer(site, async (server) => {
      assertEquals((await server.call("forger")).status, 200);
      let ended = false;
      const victim = server.fetch("POST", "/api/v1/functions/forger/invoke?as=victim")
        .finally(() => ended = true);
      const forger = await server.call("forger?as=forger");
      await until("the victim ends", async () => {
        await server.call("forger");
        return ended;
      });
      const { headers, body } = await victim;
      await body?.cancel();
      const lines = (id: string) => messages(server, id);
      const ofVictim = await until("the victim's lines", async () => {
        const found = await lines(headers.get("x-fluxbase-execution-id")!);
        return found.includes("victim ends") && found;
      });
      assertEquals(ofVictim, ["victim begins", "victim ends"]);
      const ofForger = await lines(forger.headers.get("x-fluxbase-execution-id")!);
      assertEquals(ofForger.filter((line) => line.includes("forged")).length, 27);
    });
  });
});

async function messages(server: ServerProcess, execution: string): Promise<string[]> {
  const { text } = await server.ask("GET", `/api/v1/admin/logs/executions/${execution}`);
  return JSON.parse(text).entries.map(({ message }: { message: string }) => message);
}
