import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ServerProcess, withServer } from "../support/server.ts";
import { withSite } from "../support/site.ts";

/** Sends a request as it is spelled, and returns all that comes back. */
async function sendRaw(server: ServerProcess, path: string, host: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("a Host header leads to no other path than the request's own", async () => {
  await withSite("postgres", async (site) => {
    await site.write("open.js", `export default () => new Response("the function");`);
    await site.write("deno.json", `{ "fluxbase": { "anonymous": true } }`);
    await withServer(site, async (server) => {
      const call = "/api/v1/functions/open/invoke";
      for (const host of ["", "Host: \r\n", "Host: a_b.example:80\r\n", "Host: [::1]:8080\r\n"]) {
        assertStringIncludes(await sendRaw(server, call, host), "the function", host);
      }
      const misspelled = ["x/", "x?", "a@x", "x y", "[::1", "x:80:80"];
      const impossible = ["a%2fb", "%", "1.2.3.4.5", "x:99999", ":80", "[:::::]"];
      for (const host of [`x${call}?`, `x${call}#`, ...misspelled, ...impossible]) {
        for (const path of ["/healthz", call]) {
          const answer = await sendRaw(server, path, `Host: ${host}\r\n`);
          assertEquals(answer.slice(0, 12), "HTTP/1.1 400", `${host} ${path} ${answer}`);
        }
      }
    });
  });
});
