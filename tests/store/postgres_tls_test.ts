/** `sslmode` and `sslrootcert`, against servers with and without TLS. */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { AppError } from "../../lib/errors.ts";
import { openPostgres } from "../../lib/store/postgres.ts";
import { leadsTo } from "../../lib/store/postgres_certificate.ts";
import { Authority, certifyItself } from "../support/certificates.ts";
import { createPostgresDatabase } from "../support/databases.ts";
import { PostgresServer } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";

/** Host, parameters, and whether the connection is encrypted or why there is none. */
type Case = readonly [host: string, parameters: string, seen: "TLS" | "plain" | RegExp];

const PASSWORD = "hunter2";
const UNTRUSTED = /^STORE_UNAVAILABLE: .* no authority that is trusted here/;
const OTHER_HOST = /^STORE_UNAVAILABLE: .* not for the host that DATABASE_URL names/;
const NO_TLS = /^STORE_UNAVAILABLE: .* offers no TLS/;
const NOT_ADMITTED = /^STORE_UNAVAILABLE: .*28000/;

/** Connects as the parameters say, and tells whether what came of it is encrypted. */
async function connect(url: string, host: string, parameters: string): Promise<string> {
  const target = new URL(url);
  target.hostname = host;
  target.password = PASSWORD;
  target.search = parameters;
  try {
    const database = await openPostgres(target.href);
    const rows = await database.sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    await database.close();
    return rows[0]!.ssl === true ? "TLS" : "plain";
  } catch (error) {
    assertNotMatch(Deno.inspect(error), new RegExp(PASSWORD));
    if (!(error instanceof AppError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

async function assertCases(url: string, cases: readonly Case[]): Promise<void> {
  for (const [host, parameters, expected] of cases) {
    const seen = await connect(url, host, parameters);
    const which = `${host}?${parameters}: ${seen}`;
    if (expected instanceof RegExp) assertMatch(seen, expected, which);
    else assertEquals(seen, expected, which);
  }
}

interface TlsWorld {
  readonly server: PostgresServer;
  readonly directory: string;
  /** Who made the server's certificate. */
  readonly ca: string;
  /** One of the same name that didn't. */
  readonly other: Authority;
}

/** Starts a server that has a certificate for `localhost`, and no other name. */
async function withTls(work: (world: TlsWorld) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const authority = await Authority.create(directory);
  const certificate = await authority.certify("localhost");
  const server = await PostgresServer.create({ certificate });
  try {
    await server.start();
    const other = await Authority.create(directory, "other");
    await work({ server, directory, ca: authority.file, other });
  } finally {
    await server.remove();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("postgres: each sslmode does what it does in libpq", () =>
  withTls(async ({ server, directory, ca, other }) => {
    await assertCases(server.url, [
      ["127.0.0.1", "", "TLS"],
      ["127.0.0.1", "sslmode=disable", "plain"],
      ["127.0.0.1", "sslmode=allow", "TLS"],
      ["127.0.0.1", "sslmode=prefer", "TLS"],
      ["127.0.0.1", "sslmode=require", "TLS"],
      ["127.0.0.1", "ssl=true", "TLS"],
      ["127.0.0.1", `sslmode=require&sslrootcert=${ca}`, "TLS"],
      ["127.0.0.1", `sslmode=require&sslrootcert=${other.file}`, UNTRUSTED],
      ["127.0.0.1", `sslmode=verify-ca&sslrootcert=${ca}`, "TLS"],
      ["localhost", `sslmode=verify-ca&sslrootcert=${other.file}`, UNTRUSTED],
      ["localhost", `sslmode=verify-full&sslrootcert=${ca}`, "TLS"],
      ["127.0.0.1", `sslmode=verify-full&sslrootcert=${ca}`, OTHER_HOST],
      ["localhost", `sslmode=verify-full&sslrootcert=${other.file}`, UNTRUSTED],
      ["localhost", "sslmode=verify-full", /^CONFIG_INVALID: .* whom to trust/],
      ["localhost", `sslmode=verify-full&sslrootcert=${directory}/none`, /^CONFIG.* no such file/],
      ["localhost", `sslmode=verify-full&sslrootcert=${directory}`, /^CONFIG.* is a directory/],
      ["localhost", `sslmode=verify-ca&sslrootcert=${ca}.key`, /^CONFIG.* no such file/],
      ["localhost", `sslmode=verify-ca&sslrootcert=${other.keyFile}`, /^CONFIG.* no certificate/],
    ]);
  }));

Deno.test("postgres: a certificate that only looks like the authority's is refused", () =>
  withTls(async ({ server, directory, ca, other }) => {
    const own = `${directory}/own.pem`;
    await server.stop();
    await server.present(await certifyItself("localhost", own));
    await server.start();
    await assertCases(server.url, [
      ["localhost", "sslmode=require", "TLS"],
      ["localhost", `sslmode=verify-full&sslrootcert=${ca}`, /signed by itself and not trusted/],
      ["localhost", `sslmode=verify-ca&sslrootcert=${ca}`, /signed by itself and not trusted/],
      ["localhost", `sslmode=verify-full&sslrootcert=${own}`, "TLS"],
      ["127.0.0.1", `sslmode=verify-full&sslrootcert=${own}`, OTHER_HOST],
    ]);
    await server.stop();
    await server.present(await other.certifyVersion1("localhost"));
    await server.start();
    const refused = /^STORE_UNAVAILABLE: .*(X\.509 version 1|no authority)/;
    await assertCases(server.url, [
      ["localhost", "sslmode=require", "TLS"],
      ["localhost", `sslmode=verify-ca&sslrootcert=${ca}`, refused],
      ["localhost", `sslmode=verify-full&sslrootcert=${ca}`, refused],
    ]);
  }));

Deno.test("a chain is good when each certificate is current and signed by an authority", async () => {
  const directory = await Deno.makeTempDir();
  const authority = await Authority.create(directory);
  const other = await Authority.create(directory, "other");
  const read = ({ cert }: { cert: string }) => new X509Certificate(cert);
  const [ca, otherCa] = await Promise.all(
    [authority, other].map(async ({ file }) => read({ cert: await Deno.readTextFile(file) })),
  );
  const good = read(await authority.certify("localhost"));
  const byHost = read(await authority.misused().certify("other.example"));
  const forged = read(await other.certify("localhost"));
  const [now, day] = [Date.now(), 24 * 60 * 60 * 1_000];
  const cases: [string, X509Certificate[], number, boolean][] = [
    ["its own", [good], now, true],
    ["its own, shown with its authority", [good, ca!], now, true],
    ["one of another with the same name", [forged], now, false],
    ["the same, shown with the real one", [forged, ca!], now, false],
    ["the same, shown with its own", [forged, otherCa!], now, false],
    ["one that has expired", [good], now + 3 * day, false],
    ["one that is not valid yet", [good], now - day, false],
    ["one that a host has signed", [byHost, good], now, false],
    ["none", [], now, false],
  ];
  for (const [which, shown, at, expected] of cases) {
    assertEquals(leadsTo([ca!], shown, new Date(at)), expected, which);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("postgres: prefer goes without TLS where the server admits nobody with it", () =>
  withTls(async ({ server }) => {
    await admitOnly(server, "hostnossl");
    await until(
      "TLS is not admitted",
      async () => NOT_ADMITTED.test(await connect(server.url, "127.0.0.1", "sslmode=require")),
    );
    await assertCases(server.url, [
      ["127.0.0.1", "sslmode=prefer", "plain"],
      ["127.0.0.1", "", "plain"],
      ["127.0.0.1", "sslmode=disable", "plain"],
    ]);
  }));

/** Changes which connections the server admits; it does so soon afterwards. */
async function admitOnly(server: PostgresServer, kind: "hostssl" | "hostnossl"): Promise<void> {
  const database = await openPostgres(server.url, { max: 1 });
  const [row] = await database.sql`select current_setting('hba_file') as file`;
  await database.sql.script(`copy (select '${kind} all all all trust') to '${row!.file}'`);
  await database.sql`select pg_reload_conf()`;
  await database.close();
}

Deno.test("postgres: a server without TLS is refused where it is demanded", async () => {
  const { url, drop } = await createPostgresDatabase();
  const ca = await Deno.makeTempFile();
  try {
    const made = await certifyItself("localhost", ca);
    await Deno.writeTextFile(ca, made.cert);
    await assertCases(url, [
      ["127.0.0.1", "", "plain"],
      ["127.0.0.1", "sslmode=prefer", "plain"],
      ["127.0.0.1", "sslmode=require", NO_TLS],
      ["127.0.0.1", `sslmode=verify-ca&sslrootcert=${ca}`, NO_TLS],
      ["127.0.0.1", `sslmode=verify-full&sslrootcert=${ca}`, NO_TLS],
    ]);
  } finally {
    await drop();
    await Deno.remove(ca);
    await Deno.remove(`${ca}.key`);
  }
});

Deno.test("postgres: a server that falls silent while TLS is set up is given up", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept().then(async (connection) => {
    await connection.read(new Uint8Array(8));
    await connection.write(new TextEncoder().encode("S"));
    return connection;
  });
  const url = `postgres://a@127.0.0.1:${silent.addr.port}/a?sslmode=require`;
  const error = await openPostgres(url, { connectMs: 300 }).catch((error) => error);
  assertEquals([error instanceof AppError, error.code], [true, "STORE_UNAVAILABLE"]);
  (await accepted).close();
});
