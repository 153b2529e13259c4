import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { findToken } from "../../lib/cli/credentials.ts";
import { CliError } from "../../lib/cli/failure.ts";
import { readSettings, type Settings } from "../../lib/cli/settings.ts";
import { Flags } from "../../lib/cli/table.ts";

type Texts = Record<string, string | boolean>;

function settings(flags: Texts, environment: Record<string, string> = {}, cwd = "/p"): Settings {
  return readSettings(new Flags(new Map(Object.entries(flags))), {
    environment: (name) => environment[name],
    cwd,
    root: "/p",
  });
}

const SERVERS:
  readonly (readonly [what: string, Texts, Record<string, string>, string, boolean])[] = [
    ["nothing", {}, {}, "http://127.0.0.1:8080", true],
    [
      "host and port",
      {},
      { FLUXBASE_HOST: "127.0.0.2", FLUXBASE_PORT: "9" },
      "http://127.0.0.2:9",
      true,
    ],
    [
      "nothing but empty variables",
      {},
      { FLUXBASE_SERVER: "", FLUXBASE_HOST: "" },
      "http://127.0.0.1:8080",
      true,
    ],
    ["a host for all addresses", {}, { FLUXBASE_HOST: "0.0.0.0" }, "http://127.0.0.1:8080", true],
    ["an IPv6 host", {}, { FLUXBASE_HOST: "::1" }, "http://[::1]:8080", true],
    ["FLUXBASE_SERVER", {}, { FLUXBASE_SERVER: "https://s.test/" }, "https://s.test", false],
    ["a path", {}, { FLUXBASE_SERVER: "https://s.test/a/b/" }, "https://s.test/a/b", false],
    [
      "--server first",
      { server: "http://localhost:1" },
      { FLUXBASE_SERVER: "https://s.test" },
      "http://localhost:1",
      true,
    ],
    [
      "a name that only looks local",
      { server: "http://127.0.0.1.evil.test" },
      {},
      "http://127.0.0.1.evil.test",
      false,
    ],
    [
      "localhost under another name",
      { server: "http://localhost.evil.test" },
      {},
      "http://localhost.evil.test",
      false,
    ],
    [
      "an address in another notation",
      { server: "http://2130706433" },
      {},
      "http://127.0.0.1",
      true,
    ],
  ];

for (const [what, flags, environment, server, loopback] of SERVERS) {
  Deno.test(`readSettings() finds the server from ${what}`, () => {
    const got = settings(flags, environment);
    assertEquals([got.server, got.loopback], [server, loopback]);
  });
}

for (
  const server of [
    "",
    "s.test",
    "s.test:80",
    "ftp://s.test",
    "https://u:p@s.test",
    "http://s.test?a",
    "http://s.test#a",
    "http://:80",
  ]
) {
  Deno.test(`readSettings() refuses the server ${JSON.stringify(server)}`, () => {
    assertEquals(assertThrows(() => settings({ server }), CliError).exit, 2);
  });
}

for (
  const [typed, want] of [["JSON", "json"], ["yml", "yaml"], ["Yaml", "yaml"], [
    "table",
    "table",
  ]] as const
) {
  Deno.test(`readSettings() takes the output format ${typed}`, () => {
    assertEquals(settings({ output: typed }).format, want);
  });
}

Deno.test("readSettings() refuses another output format", () => {
  assertThrows(() => settings({ output: "xml" }), CliError, "valid: table, json, yaml");
});

Deno.test("readSettings() takes paths from where the person typed them", () => {
  assertEquals(settings({}, { INIT_CWD: "/home" }).resolvePath("a"), "/home/a");
  assertEquals(settings({}, { INIT_CWD: "/home" }, "/x").resolvePath("a"), "/x/a");
  assertEquals(settings({}).resolvePath("/etc/a"), "/etc/a");
});

Deno.test("findToken() gives the admin key to this machine only", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/admin.key`, "fxsk_admin\n");
    const environment = { FLUXBASE_DATA_DIR: directory };
    const want = { token: "fxsk_admin", fromDataDir: true };
    assertEquals(await findToken(settings({}, environment)), want);
    const server = "https://s.test";
    const error = await assertRejects(() => findToken(settings({ server }, environment)), CliError);
    assertEquals(error.exit, 3);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("findToken() sends no key over plain http to another machine unless asked", async () => {
  const environment = { FLUXBASE_TOKEN: "fxsk_x", FLUXBASE_SERVER: "http://s.test" };
  const error = await assertRejects(() => findToken(settings({}, environment)), CliError);
  assertEquals(error.exit, 2);
  assertEquals((await findToken(settings({ insecure: true }, environment))).token, "fxsk_x");
  const https = { ...environment, FLUXBASE_SERVER: "https://s.test" };
  assertEquals((await findToken(settings({}, https))).token, "fxsk_x");
});

Deno.test("findToken() prefers the token file to FLUXBASE_TOKEN, and repeats neither", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const flags = { "token-file": `${directory}/t` };
    const environment = { FLUXBASE_TOKEN: "bad token" };
    assertEquals((await assertRejects(() => findToken(settings(flags)), CliError)).exit, 3);
    await Deno.writeTextFile(`${directory}/t`, "fxsk_file\r\n");
    assertEquals((await findToken(settings(flags, environment))).token, "fxsk_file");
    const error = await assertRejects(() => findToken(settings({}, environment)), CliError);
    assertEquals(error.message, "FLUXBASE_TOKEN must hold one key on one line");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
