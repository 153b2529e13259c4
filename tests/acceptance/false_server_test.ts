/**
 * Somebody else on the server's machine listens where the command line looks for the server.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createLog } from "../../lib/log.ts";
import { readConfig } from "../../lib/server/config.ts";
import { startServer } from "../../main.ts";
import { runCli } from "../support/cli.ts";
import { ServerProcess, withServer } from "../support/server.ts";
import { testOnSites, withSite } from "../support/site.ts";

/** A false server, and all that it was sent. */
interface False extends AsyncDisposable {
  readonly port: number;
  readonly seen: readonly string[];
}

function listenFalsely(
  answer: (request: Request) => Response | Promise<Response>,
  at: { hostname?: string; port?: number } = {},
): False {
  const seen: string[] = [];
  const options = { hostname: "127.0.0.1", port: 0, ...at, onListen() {} };
  const server = Deno.serve(options, async (request) => {
    seen.push(`${request.method} ${request.url} ${JSON.stringify([...request.headers])}`);
    return await answer(request);
  });
  return {
    port: (server.addr as Deno.NetAddr).port,
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Passes a request on, as it came, and gives the answer. */
function passOn(request: Request, port: number): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers } = request;
  return fetch(`http://127.0.0.1:${port}${pathname}${search}`, { method, headers });
}

function list(dataDir: string, env: Record<string, string>) {
  return runCli(["secrets", "list", "-o", "json"], {
    env: { FLUXBASE_DATA_DIR: dataDir, ...env },
  });
}

const zeros = "A".repeat(43);

testOnSites(
  "who listens on the server's port gets no key unless it is the server",
  (site) =>
    withServer(site, async (server) => {
      const { dataDir } = site;
      const truePort = Number(new URL(server.url).port);
      const answers: Record<string, (request: Request) => Response | Promise<Response>> = {
        "any answer": () => Response.json([]),
        "an invented proof": () =>
          new Response(null, { status: 204, headers: { "fluxbase-server-proof": zeros } }),
        "no proof but words": () =>
          new Response(null, { status: 204, headers: { "fluxbase-server-proof": "yes" } }),
        "a redirect": () => Response.redirect(`http://127.0.0.1:${truePort}/`, 307),
        "an answer without end": () =>
          new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536)) })),
        "the true server's own proof": (request) => passOn(request, truePort),
      };
      for (const [what, answer] of Object.entries(answers)) {
        await using other = listenFalsely(answer);
        for (const host of ["127.0.0.1", "localhost"]) {
          const at = `http://${host}:${other.port}`;
          const { code, err, out } = await list(dataDir, { FLUXBASE_SERVER: at });
          assertEquals([code, out], [3, ""], what);
          assertStringIncludes(err, `Error: What listens at ${at} isn't the server of this`, what);
          assertStringIncludes(err, "No key was sent.", what);
        }
        assertEquals(other.seen.length, 2, what);
        for (const each of other.seen) {
          assertMatch(each, /^GET \S+\/api\/v1\/auth\/server\?nonce=[\w-]{43} /, what);
          assert(!each.includes(server.adminKey) && !/authorization/i.test(each), what);
        }
      }
      await using named = listenFalsely(() => Response.json([]));
      const token = { FLUXBASE_SERVER: `http://127.0.0.1:${named.port}`, FLUXBASE_TOKEN: "theirs" };
      assertEquals((await list(dataDir, token)).out, "[]\n", "a key that is named needs no proof");
    }).then(() => {}),
);

Deno.test("who passes the proof on from another address of the port is not sent the key", () =>
  withSite("embedded", (site) =>
    withServer(site, async (server) => {
      const port = Number(new URL(server.url).port);
      const relay = (request: Request) => passOn(request, port);
      await using other = listenFalsely(relay, { hostname: "127.0.0.2", port });
      const env = { FLUXBASE_SERVER: `http://127.0.0.2:${port}` };
      // It goes to where the true server says it listens, which is where it should.
      assertEquals((await list(site.dataDir, env)).code, 0);
      assertEquals(other.seen.length, 1);
      assert(!other.seen.join().includes(server.adminKey));
    }).then(() => {})));

/**
 * Takes the port while the server is down, holds the first connection, and gives the port up.
 *
 * @returns What it was sent on that connection, once `passOnTo` gives the true server's port.
 */
async function holdOne(port: number, restart: () => Promise<unknown>): Promise<string> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  using held = await listener.accept();
  listener.close();
  const buffer = new Uint8Array(8_192);
  let sent = "";
  for (;;) {
    const count = await held.read(buffer).catch(() => null);
    if (count === null) return sent;
    const text = new TextDecoder().decode(buffer.subarray(0, count));
    sent += text;
    await restart();
    const { headers } = await passOn(new Request(`http://held${text.split(" ")[1]}`), port);
    const proof = headers.get("fluxbase-server-proof");
    const head = `HTTP/1.1 204 No Content\r\nfluxbase-server-proof: ${proof}\r\n\r\n`;
    await held.write(new TextEncoder().encode(head));
  }
}

Deno.test("who held the proof's connection while the server came back is not sent the key", () =>
  withSite("embedded", async (site) => {
    const first = await ServerProcess.start(site);
    const { port } = new URL(first.url);
    await first.end();
    const env = { FLUXBASE_PORT: port };
    let second: ServerProcess | undefined;
    const restart = async () => second ??= await ServerProcess.start(site, { env });
    try {
      const held = holdOne(Number(port), restart);
      const { code, err } = await list(site.dataDir, env);
      assertEquals(code, 0, err);
      const sent = await held;
      assertMatch(sent, /^GET \/api\/v1\/auth\/server\?nonce=/);
      assert(!/authorization/i.test(sent) && !sent.includes(second!.adminKey), "the key was sent");
    } finally {
      await second?.end();
    }
  }));

Deno.test("a server that has ended proves nothing, over whatever connection outlasts it", () =>
  withSite("embedded", async (site) => {
    const log = createLog({ write() {} });
    const server = await startServer(readConfig(site.env), log, Deno.env.toObject());
    const ask = async () => (await server.app.request(`/api/v1/auth/server?nonce=${zeros}`)).status;
    const before = await ask();
    await server.close(0);
    assertEquals([before, await ask()], [204, 503]);
  }));

/** The preface of HTTP/2 and empty settings (RFC 9113, section 3.4). */
const HTTP2 = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");

Deno.test("a client of HTTP/2 that says nothing doesn't keep the server from ending", () =>
  withSite("embedded", async (site) => {
    const server = await ServerProcess.start(site);
    using silent = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(server.url).port),
    });
    await silent.write(HTTP2);
    assert(await silent.read(new Uint8Array(1_024)), "the server speaks HTTP/2");
    const { code, signal } = await server.end();
    assertEquals([code, signal], [0, null]);
  }));

Deno.test("who listens once the server is down gets no key, and each request asks again", () =>
  withSite("embedded", async (site) => {
    const server = await ServerProcess.start(site);
    const port = Number(new URL(server.url).port);
    const { err } = await server.cli(["secrets", "set", "NAME", "value-1", "--debug"]);
    await server.end();
    const sent = err.match(/^DEBUG: .*$/gm)!;
    assert(sent.length >= 4);
    sent.forEach((each, i) =>
      assertEquals(each === "DEBUG: GET /api/v1/auth/server", i % 2 === 0, err)
    );
    await using other = listenFalsely(() => Response.json([]), { port });
    const env = { FLUXBASE_DATA_DIR: site.dataDir, FLUXBASE_PORT: String(port) };
    assertEquals((await runCli(["secrets", "set", "NAME", "value-1"], { env })).code, 3);
    assertEquals(other.seen.length, 1);
    assert(!other.seen.join().includes(server.adminKey));
  }));

for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"]) {
  Deno.test(`the command line finds a server that listens on ${host}`, () =>
    withSite("embedded", (site) =>
      withServer(site, async (server) => {
        const port = /:(\d+)$/.exec(server.url)![1]!;
        const { code, err } = await list(site.dataDir, {
          FLUXBASE_HOST: host,
          FLUXBASE_PORT: port,
        });
        assertEquals(code, 0, err);
      }, { env: { FLUXBASE_HOST: host } }).then(() => {})));
}

Deno.test("each of the servers of a database proves itself with what its own directory holds", () =>
  withSite("postgres", (site) =>
    withServer(site, async (first) => {
      const env = { FLUXBASE_DATA_DIR: `${site.directory}/second` };
      const second = await ServerProcess.start(site, { env });
      try {
        const at = { FLUXBASE_SERVER: second.url };
        assertEquals((await list(site.dataDir, at)).code, 3);
        const key = `${env.FLUXBASE_DATA_DIR}/admin.key`;
        await Deno.writeTextFile(key, first.adminKey, { mode: 0o600 });
        assertEquals((await list(env.FLUXBASE_DATA_DIR, at)).code, 0);
        // A new key of the machine is in force as soon as it lies there.
        const rotated = await first.cli(["keys", "rotate", "admin"]);
        assertEquals(rotated.code, 0, rotated.err);
        await Deno.writeTextFile(`${site.dataDir}/admin.key`, rotated.out);
        assertEquals((await list(site.dataDir, { FLUXBASE_SERVER: first.url })).code, 0);
      } finally {
        await second.end();
      }
    }).then(() => {})));
