import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Api, withApi } from "../support/api.ts";
import { type CliOptions, type CliResult, ROOT, runCli, TASK } from "../support/cli.ts";
import { withDatabase } from "../support/databases.ts";
import { joinWorld } from "../support/world.ts";

/** A command line with the administrator's key. */
type Run = (words: readonly string[], options?: CliOptions) => Promise<CliResult>;

/** Where nobody listens: a port that was free a moment ago. */
const NOBODY = `http://127.0.0.1:${freePort()}`;

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Runs `test` with a server on the database that starts faster. */
function testCli(name: string, test: (run: Run, api: Api) => Promise<void>): void {
  Deno.test(name, () =>
    withDatabase("postgres", async (database) => {
      await withApi(await joinWorld(database), async (api) => {
        const env = { FLUXBASE_SERVER: api.server, FLUXBASE_TOKEN: api.adminKey };
        const run: Run = (words, options) =>
          runCli(words, { ...options, env: { ...env, ...options?.env } });
        await test(run, api);
      });
    }));
}

/** Runs a command line that must succeed and returns what it printed. */
async function good(run: Run, words: readonly string[], options?: CliOptions): Promise<string> {
  const { code, out, err } = await run(words, options);
  assertEquals(code, 0, `${words.join(" ")}\n${err}`);
  return out;
}

const EXACT = [
  "007",
  "1e3",
  "-5",
  " two  spaces ",
  `it's "quoted" and \\ back\\\\slashed`,
  "$HOME `id` $(id) ${x} * ? ~ {a,b} [c] !! # ; && || > < |",
  "line\nline\n\n",
  "tab\there",
  "-----BEGIN KEY-----\nMII=\n-----END KEY-----",
  "Zürich 東京 👩‍👩‍👧",
  "true",
  "a=b",
];

testCli(
  "secrets set brings a value from the command line to functions exactly",
  async (run, api) => {
    for (const value of EXACT) {
      await good(run, ["secrets", "set", "EXACT", value]);
      assertEquals(await api.reveal("EXACT"), value);
    }
    for (const value of ["-x", "--value", "--", "--namespace=production"]) {
      await good(run, ["secrets", "set", "EXACT", "--", value]);
      assertEquals(await api.reveal("EXACT"), value);
    }
  },
);

testCli("secrets set drops one newline of stdin and none of a file", async (run, api) => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/value.txt`;
  const cases = [["v\n", "v"], ["v\n\n", "v\n"], ["v\r\n", "v"], ["v", "v"], [
    "\ufeffv",
    "\ufeffv",
  ]];
  try {
    for (const [typed, want] of cases) {
      await good(run, ["secrets", "set", "PIPED", "-"], { stdin: typed! });
      assertEquals(await api.reveal("PIPED"), want);
      await Deno.writeTextFile(file, typed!);
      await good(run, ["secrets", "set", "PIPED", "--from-file", file]);
      assertEquals(await api.reveal("PIPED"), typed);
    }
    await good(run, ["secrets", "set", "PIPED", "--from-file", "value.txt"], { cwd: directory });
    await good(run, ["secrets", "set", "PIPED", "--from-file=-"], { stdin: "bytes\n" });
    assertEquals(await api.reveal("PIPED"), "bytes\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

const REFUSED_INPUT = [
  [["secrets", "set", "A"], "", "VALUE is missing"],
  [["secrets", "set", "A", "-"], "", "Value"],
  [["secrets", "set", "A", ""], "", "Value"],
  [["secrets", "set", "A", "-"], new Uint8Array([0x63, 0xff]), "not UTF-8"],
  [["secrets", "set", "A", "-"], "x".repeat(70_000), "Value"],
  [["secrets", "set", "A", "-"], "x".repeat(2_000_000), "too large"],
  [["secrets", "set", "A", "v", "--from-file", "x"], "", "not both"],
  [["secrets", "set", "A", "--from-file", "/nowhere"], "", "does not exist"],
  [["secrets", "set", "A", "--from-file", "/"], "", "directory"],
  [["secrets", "set", "A", "v", "--expires", "1M"], "", "--expires is not understood"],
  [["secrets", "set", "A", "v", "--scope", "namespace"], "", "--namespace is required"],
  [["secrets", "set", "A", "v", "--scope", "global", "--namespace", "p"], "", "cannot be given"],
  [["secrets", "set", "A", "v", "--scope", "all"], "", "'global' or 'namespace'"],
  [["secrets", "set", "A", "v", "--namespace", ""], "", "Namespace must be"],
  [["secrets", "set", "A", "v", "--if-match", "x"], "", "--if-match must be"],
  [["secrets", "set", "A-B", "v"], "", "Name must be"],
  [["secrets", "set", "FLUXBASE_A", "v"], "", "reserved"],
  [["secrets", "delete", ".."], "", "Name must be"],
  [["secrets", "rollback", "A", "0"], "", "VERSION must be"],
  [["secrets", "rollback", "A", "2abc"], "", "VERSION must be"],
  [["secrets", "list", "--scope", "global", "--namespace", "p"], "", "cannot be given"],
] as const;

testCli("what is not understood is refused with exit code 2 and writes nothing", async (run) => {
  for (const [words, stdin, want] of REFUSED_INPUT) {
    const { code, out, err } = await run(words, { stdin });
    assertEquals([code, out], [2, ""], words.join(" ").slice(0, 80));
    assertMatch(err, /^Error: /);
    assertStringIncludes(err, want);
  }
  assertEquals(await good(run, ["secrets", "list"]), "No secrets found.\n");
});

testCli("--namespace alone means that namespace, and never the global scope", async (run, api) => {
  await good(run, ["secrets", "set", "KEY", "global-1"]);
  await good(run, ["secrets", "set", "KEY", "production-1", "--namespace", "production"]);
  await good(run, ["secrets", "set", "key", "production-2", "--namespace", "production"]);
  assertEquals(await api.reveal("KEY"), "global-1");
  assertEquals(await api.reveal("KEY", "production"), "production-2");
  await good(run, ["secrets", "rm", "KEY", "--namespace", "production"]);
  assertEquals(await api.reveal("KEY", "production"), "global-1");
});

testCli("each kind of failure has its exit code", async (run, api) => {
  const reader = await api.issue([{ actions: ["secrets:read"], namespaces: ["*"], names: ["*"] }]);
  await good(run, ["secrets", "set", "KEY", "value-1"]);
  await good(run, ["secrets", "set", "KEY", "value-2", "--if-match", "1"]);
  const cases: readonly (readonly [number, readonly string[], CliOptions?])[] = [
    [0, ["secrets", "get", "KEY"]],
    [1, ["secrets", "get", "KEY"], { env: { FLUXBASE_SERVER: NOBODY } }],
    [2, ["secrets", "get"]],
    [3, ["secrets", "get", "KEY"], { env: { FLUXBASE_TOKEN: "fxsk_wrong" } }],
    [3, ["secrets", "get", "KEY"], { env: { FLUXBASE_TOKEN: "", FLUXBASE_DATA_DIR: "/nowhere" } }],
    [3, ["secrets", "set", "KEY", "value-3"], { env: { FLUXBASE_TOKEN: reader } }],
    [4, ["secrets", "get", "KEY", "--namespace", "production"]],
    [4, ["secrets", "rollback", "KEY", "99"]],
    [4, ["secrets", "delete", "OTHER"]],
    [5, ["secrets", "set", "KEY", "value-3", "--if-match", "1"]],
    [5, ["secrets", "set", "OTHER", "value-3", "--if-match", "1"]],
  ];
  for (const [want, words, options] of cases) {
    const { code, out, err } = await run(words, options);
    assertEquals(code, want, `${words.join(" ")}\n${err}`);
    if (want !== 0) assertEquals([out, err.match(/Error: /g)?.length], ["", 1]);
  }
  assertEquals(await api.reveal("KEY"), "value-2");
});

testCli("a server that is not there is named, with the command that starts one", async (run) => {
  const { err } = await run(["secrets", "list"], {
    env: { FLUXBASE_SERVER: NOBODY },
  });
  const want = `Error: No server at ${NOBODY} — start one with: deno task start\n`;
  assertEquals(err, want);
});

testCli("output comes as JSON, YAML or a table, and --quiet leaves it out", async (run) => {
  const set = ["secrets", "set", "KEY", "value-1", "--description", "a: b"];
  const made = JSON.parse(await good(run, [...set, "--expires", "1y", "-o", "json"]));
  assertEquals([made.name, made.version, made.description], ["KEY", 1, "a: b"]);
  assert(Date.parse(made.expires_at) > Date.now() + 364 * 24 * 3600 * 1000);
  assertEquals(await good(run, [...set, "--quiet", "--output", "json"]), "");
  const yaml = await good(run, [...set, "--expires=never", "--output=YML"]);
  assertMatch(yaml, /^id: \S+\nname: KEY\nscope: global\ndescription: "a: b"\nversion: 3\n/);
  assert(!yaml.includes("expires_at"));
  const listed = JSON.parse(await good(run, ["secrets", "list", "-ojson"]));
  assertEquals([listed.length, listed[0].name, listed[0].is_expired], [1, "KEY", false]);
  assertMatch(await good(run, ["secrets", "list", "--no-headers"]), /^KEY +global +- +3 +never +2/);
  assertMatch(await good(run, ["secrets", "history", "KEY", "-o", "yaml"]), /^- id: .*\n/);
  assertEquals(await good(run, ["secrets", "list", "--scope=namespace", "--no-headers"]), "");
  assertEquals(await good(run, ["secrets", "list", "--scope=namespace", "-o", "json"]), "[]\n");
});

testCli("an expired secret is marked in the list", async (run, api) => {
  const expires = Temporal.Now.instant().add({ seconds: 1 }).toString();
  await good(run, ["secrets", "set", "KEY", "value-1", "--expires", expires]);
  // What the server answers decides: it is asked until the time has come.
  let out = "";
  while (!out.includes("(expired)")) out = await good(run, ["secrets", "list"]);
  assertMatch(out, /\nKEY +global +- +1 +\S+Z \(expired\) +2/);
  assert(api.lines.length > 0);
});

testCli("writers who create one secret at once make versions without a gap", async (run) => {
  const writers = Array.from({ length: 6 }, (_, i) => `value-${i}`);
  await Promise.all(writers.map((value) => good(run, ["secrets", "set", "RACE", value])));
  const history = JSON.parse(await good(run, ["secrets", "history", "RACE", "-o", "json"]));
  assertEquals(history.map((each: { version: number }) => each.version), [6, 5, 4, 3, 2, 1]);
});

testCli("health tells a good key from a refused and a missing one", async (run) => {
  const state = async (options: CliOptions) => {
    const { code, out } = await run(["status", "-o", "json"], options);
    const { reachable, ready, key } = JSON.parse(out);
    return [code, reachable, ready, key];
  };
  const nowhere = { FLUXBASE_TOKEN: "", FLUXBASE_DATA_DIR: "/nowhere" };
  assertEquals(await state({}), [0, true, true, "accepted"]);
  assertEquals(await state({ env: { FLUXBASE_TOKEN: "x" } }), [3, true, true, "refused"]);
  assertEquals(await state({ env: nowhere }), [3, true, true, "missing"]);
  const off = { FLUXBASE_SERVER: NOBODY };
  assertEquals(await state({ env: off }), [1, false, false, "unknown"]);
});

testCli(
  "no value and no key is ever printed, also not on errors and with --debug",
  async (run, api) => {
    const canary = "canary-5f1c";
    const lines: readonly (readonly string[])[] = [
      ["secrets", "set", "KEY", canary, "--debug"],
      ["secrets", "set", "KEY", canary, "-o", "json"],
      ["secrets", "set", "KEY", `--${canary}`],
      ["secrets", "set", "KEY", canary, canary],
      ["secrets", "set", "A B", canary],
      ["secrets", "set", "KEY", canary, "--namespace", "*"],
      ["secrets", "set", "KEY", canary, "--if-match", "77"],
      ["secrets", "set", "KEY", canary.repeat(9_000)],
      ["secrets", "set", "KEY", `${canary}\0`.replace("\0", "\u0001"), "--expires", "x"],
      ["secrets", canary],
      ["secrets", "get", "KEY", "--debug"],
      ["secrets", "history", "KEY"],
      ["secrets", "rollback", "KEY", "1", "-o", "yaml"],
    ];
    for (const words of lines) {
      for (
        const env of [{}, { FLUXBASE_SERVER: NOBODY }, { FLUXBASE_TOKEN: canary }]
      ) {
        const { out, err } = await run(words, { env });
        for (const hidden of [canary, api.adminKey]) {
          assert(
            !(out + err).includes(hidden),
            out + err,
          );
        }
      }
    }
    assert(!api.lines.join("\n").includes(canary));
  },
);

testCli("a write whose answer is lost is sent once more and happens once", async (run, api) => {
  await good(run, ["secrets", "set", "KEY", "value-1"]);
  await using relay = cutFirstAnswer(api.port);
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${relay.port}` };
  const { code, err } = await run(["secrets", "set", "KEY", "value-2", "--debug"], { env });
  assertEquals(code, 0, err);
  assertEquals(err.match(/DEBUG: PUT \/api\/v1\/secrets\/by-name\/KEY\n/g)?.length, 2);
  const history = JSON.parse(await good(run, ["secrets", "history", "KEY", "-o", "json"]));
  assertEquals(history.length, 2);
});

testCli("the admin key does not go through a proxy", async (run, api) => {
  await using proxy = listenAndDrop();
  const url = `http://127.0.0.1:${proxy.port}`;
  const env = { HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url, NO_PROXY: "other.test" };
  for (const host of ["127.0.0.1", "localhost"]) {
    const server = `http://${host}:${api.port}`;
    await good(run, ["secrets", "list"], { env: { ...env, FLUXBASE_SERVER: server } });
  }
  assertEquals(proxy.accepted(), 0);
});

testCli("a redirect is not followed, so that no key goes elsewhere", async (run) => {
  const seen: string[] = [];
  const elsewhere = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    seen.push(request.url);
    return Response.redirect("http://127.0.0.1:9/", 307);
  });
  const env = { FLUXBASE_SERVER: `http://127.0.0.1:${elsewhere.addr.port}` };
  const { code, err } = await run(["secrets", "list"], { env });
  await elsewhere.shutdown();
  assertEquals([code, seen.length, err], [1, 1, "Error: API error with status 307\n"]);
});

testCli("a reader who has seen enough ends the command quietly", async (run, api) => {
  await good(run, ["secrets", "set", "KEY", "value-1"]);
  const shell = new Deno.Command("bash", {
    args: ["-c", 'set -o pipefail; "$@" | true', "bash", Deno.execPath(), ...TASK, "help"],
    env: { FLUXBASE_SERVER: api.server, FLUXBASE_TOKEN: api.adminKey },
  });
  const { code, stderr } = await shell.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

Deno.test("deno task prints its heading to stderr, so stdout is data alone", async () => {
  const { out, err } = await runCli(["version"], { task: ["task", "cli"], cwd: ROOT });
  assertMatch(out, /^\d+\.\d+\.\d+\n$/);
  assertStringIncludes(err, "Task");
});

Deno.test("help shows every command, and the exit codes", async () => {
  const root = await runCli(["--help"]);
  assertEquals([root.code, root.err], [0, ""]);
  for (const code of ["0  ok", "3  not authorised", "5  conflict"]) {
    assertStringIncludes(root.out, code);
  }
  const set = await runCli(["help", "secrets", "set"]);
  for (const flag of ["--scope", "--namespace", "--description", "--expires", "--from-file"]) {
    assertStringIncludes(set.out, flag);
  }
  assertEquals((await runCli([])).out, root.out);
  assertEquals((await runCli(["secrets", "set", "-h"])).out, set.out);
});

/** A relay to `port` that swallows the first answer and breaks that connection. */
function cutFirstAnswer(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let first = true;
  const done = (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      if (first) {
        first = false;
        const request = client.readable.pipeTo(server.writable).catch(() => {});
        await server.readable.getReader().read();
        client.close();
        await request;
      } else {
        await Promise.allSettled([
          client.readable.pipeTo(server.writable),
          server.readable.pipeTo(client.writable),
        ]);
      }
    }
  })();
  return closable(listener, done);
}

/** Accepts connections and drops them. */
function listenAndDrop() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const done = (async () => {
    for await (const connection of listener) {
      count++;
      connection.close();
    }
  })();
  return { ...closable(listener, done), accepted: () => count };
}

function closable(listener: Deno.TcpListener, done: Promise<void>) {
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}
