import { assertEquals } from "@std/assert";
import { CLOSED_ADDRESSES } from "../../lib/runtime/permissions.ts";
import { ownAddresses } from "../../lib/server/own_addresses.ts";
import { withRunner } from "../support/runner.ts";

const LOOPBACK = (port: number) =>
  ["localhost", "127.0.0.0/8", "0.0.0.0/8", "[::1]", "[::]"].map((host) => `${host}:${port}`);
const NOTHING = { host: "127.0.0.1", port: 0, databaseUrl: null, keys: { transit: null } };

Deno.test("ownAddresses() gives every spelling of this machine, and the ports that are meant", () => {
  const cases: [config: Partial<typeof NOTHING> & object, addresses: string[]][] = [
    [{}, []],
    [{ port: 8080 }, LOOPBACK(8080)],
    [{ port: 8080, host: "0.0.0.0" }, LOOPBACK(8080)],
    [{ port: 8080, host: "::" }, LOOPBACK(8080)],
    [{ port: 8080, host: "10.0.0.1" }, ["10.0.0.1:8080"]],
    [{ port: 8080, host: "fd00::1" }, ["[fd00::1]:8080"]],
    [{ port: 8080, host: "127.0.0.2" }, LOOPBACK(8080)],
  ];
  for (const [config, addresses] of cases) {
    assertEquals(ownAddresses({ ...NOTHING, ...config }), addresses, JSON.stringify(config));
  }
  const machine = ["10.0.0.7", "fd00::7"];
  const everywhere = [...LOOPBACK(8080), "10.0.0.7:8080", "[fd00::7]:8080"];
  for (const host of ["0.0.0.0", "localhost", "10.0.0.7", "fd00::7"]) {
    assertEquals(ownAddresses({ ...NOTHING, port: 8080, host }, machine), everywhere, host);
  }
  assertEquals(ownAddresses({ ...NOTHING, port: 1, host: "10.0.0.8" }, machine), ["10.0.0.8:1"]);
  const of = (databaseUrl: string) => ownAddresses({ ...NOTHING, databaseUrl });
  assertEquals(of("postgres://u:p@localhost/app"), LOOPBACK(5432));
  assertEquals(of("postgres://u:p@db.internal:6543/app"), ["db.internal:6543"]);
  assertEquals(of("postgres:///app?host=/run/postgresql"), []);
  const transit = { url: "https://vault.internal" };
  assertEquals(ownAddresses({ ...NOTHING, keys: { transit } }), ["vault.internal:443"]);
});

Deno.test("a function that names this machine still can't reach the server's own ports", async () => {
  const server = Deno.serve(
    { hostname: "0.0.0.0", port: 0, onListen() {} },
    () => new Response("in"),
  );
  const { port } = server.addr;
  const code = {
    reach: `export default async (req) => {
      const to = new URL(req.url).searchParams.get("to");
      try { return await fetch(to); } catch (error) { return new Response(error.name); }
    }`,
  };
  const network = (own: number) => ({
    allow: "public" as const,
    deny: [...CLOSED_ADDRESSES, ...ownAddresses({ ...NOTHING, port: own })],
  });
  const named = { network: ["127.0.0.0/8", "0.0.0.0", "localhost", "[::1]"] };
  const hosts = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost", "[::1]"];
  const seen = async (own: number) => {
    const answers: string[] = [];
    await withRunner(
      { code, network: network(own), settings: { reach: named } },
      async ({ call }) => {
        for (const host of hosts) {
          const to = encodeURIComponent(`http://${host}:${port}/`);
          answers.push(await (await call("reach", { path: `?to=${to}` })).text());
        }
      },
    );
    return answers;
  };
  try {
    assertEquals(new Set(await seen(port)), new Set(["NotCapable"]));
    assertEquals((await seen(port === 1 ? 2 : port - 1)).slice(0, 2), ["in", "in"]);
  } finally {
    await server.shutdown();
  }
});
