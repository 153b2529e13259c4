import { assertEquals } from "@std/assert";
import { ownAddresses } from "../../lib/server/own_addresses.ts";

const LOOPBACK = (port: number) => [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
const NOTHING = { host: "127.0.0.1", port: 0, databaseUrl: null, keys: { transit: null } };

Deno.test("ownAddresses() gives every spelling of this machine, and the ports that are meant", () => {
  const cases: [config: Partial<typeof NOTHING> & object, addresses: string[]][] = [
    [{}, []],
    [{ port: 8080 }, LOOPBACK(8080)],
    [{ port: 8080, host: "0.0.0.0" }, LOOPBACK(8080)],
    [{ port: 8080, host: "::" }, LOOPBACK(8080)],
    [{ port: 8080, host: "10.0.0.1" }, ["10.0.0.1:8080"]],
    [{ port: 8080, host: "fd00::1" }, ["[fd00::1]:8080"]],
    [{ port: 8080, host: "127.0.0.2" }, [...LOOPBACK(8080), "127.0.0.2:8080"]],
  ];
  for (const [config, addresses] of cases) {
    assertEquals(ownAddresses({ ...NOTHING, ...config }), addresses, JSON.stringify(config));
  }
  const of = (databaseUrl: string) => ownAddresses({ ...NOTHING, databaseUrl });
  assertEquals(of("postgres://u:p@localhost/app"), LOOPBACK(5432));
  assertEquals(of("postgres://u:p@db.internal:6543/app"), ["db.internal:6543"]);
  assertEquals(of("postgres:///app?host=/run/postgresql"), []);
  const transit = { url: "https://vault.internal" };
  assertEquals(ownAddresses({ ...NOTHING, keys: { transit } }), ["vault.internal:443"]);
});
