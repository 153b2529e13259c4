import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { good, NOBODY, testCli } from "../support/cli_world.ts";
import { type CliOptions, ROOT, runCli, TASK } from "../support/cli.ts";

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

testCli(
  "output comes as JSON, YAML or a table, and --quiet leaves out what was done",
  async (run) => {
    const set = ["secrets", "set", "KEY", "value-1", "--description", "a: b"];
    const made = JSON.parse(await good(run, [...set, "--expires", "1y", "-o", "json"]));
    assertEquals([made.name, made.version, made.description], ["KEY", 1, "a: b"]);
    assert(Date.parse(made.expires_at) > Date.now() + 364 * 24 * 3600 * 1000);
    assertEquals(await good(run, [...set, "--quiet"]), "");
    assertEquals(JSON.parse(await good(run, ["secrets", "get", "KEY", "-q"])).version, 2);
    assertMatch(await good(run, ["secrets", "list", "-q"]), /^NAME .*\nKEY /);
    const yaml = await good(run, [...set, "--expires=never", "--output=YML"]);
    assertMatch(yaml, /^id: \S+\nname: KEY\nscope: global\ndescription: "a: b"\nversion: 3\n/);
    assert(!yaml.includes("expires_at"));
    const listed = JSON.parse(await good(run, ["secrets", "list", "-ojson"]));
    assertEquals([listed.length, listed[0].name, listed[0].is_expired], [1, "KEY", false]);
    assertMatch(
      await good(run, ["secrets", "list", "--no-headers"]),
      /^KEY +global +- +3 +never +2/,
    );
    assertMatch(await good(run, ["secrets", "history", "KEY", "-o", "yaml"]), /^- id: .*\n/);
    assertEquals(await good(run, ["secrets", "list", "--scope=namespace", "--no-headers"]), "");
    assertEquals(await good(run, ["secrets", "list", "--scope=namespace", "-o", "json"]), "[]\n");
  },
);

testCli("--quiet leaves data that can't be had again", async (run) => {
  const made = await run(["keys", "create", "ci", "--role", "reader", "-q"]);
  assertMatch(made.out, /^fxsk_\S+\n$/);
  assertEquals(made.err, "");
  assertEquals(await good(run, ["secrets", "list", "-q"]), "");
});

testCli("who sets a value is told what may not be meant", async (run) => {
  const set = (...words: string[]) => run(["secrets", "set", "KEY", ...words]);
  const pasted = await set("pasted-key\n");
  assertMatch(pasted.err, /^Warning: The value begins or ends with a space or a line break/);
  const there = await set("value-1", "--namespace", "production");
  assertEquals(there.err, "");
  assertMatch(there.out, /in edge functions of the namespace 'production'\.\n$/);
  const soon = Temporal.Now.instant().add({ milliseconds: 300 }).toString();
  await set("value-1", "--expires", soon);
  const expired = async () => {
    const list = JSON.parse(await good(run, ["secrets", "list", "-o", "json", "--scope=global"]));
    return list[0].is_expired === true;
  };
  while (!await expired());
  const late = await set("value-2");
  assertMatch(late.err, /^Warning: It expired at /);
  assertEquals(late.out, "Secret 'KEY' updated.\n");
  const back = await run(["secrets", "rollback", "KEY", "1"]);
  assertEquals(back.err.match(/Warning: /g)?.length, 2, back.err);
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

Deno.test("a reader who leaves early ends the command quietly", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...TASK, "help"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // Long before the command has started, nobody reads any more.
  await child.stdout.cancel();
  const said = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, said], [0, ""]);
});

Deno.test("deno task prints its heading to stderr, so stdout is data alone", async () => {
  const { out, err } = await runCli(["version"], { task: ["task", "cli"], cwd: ROOT });
  assertMatch(out, /^\d+\.\d+\.\d+\n$/);
  assertStringIncludes(err, "Task");
});

Deno.test("help shows every command, and the exit codes", async () => {
  const root = await runCli(["--help"]);
  assertEquals([root.code, root.err], [0, ""]);
  for (const code of [/0 +ok/, /3 +not authorised/, /5 +conflict/, /130 +called off/]) {
    assertMatch(root.out, code);
  }
  const set = await runCli(["help", "secrets", "set"]);
  for (const flag of ["--scope", "--namespace", "--description", "--expires", "--from-file"]) {
    assertStringIncludes(set.out, flag);
  }
  assertEquals((await runCli([])).out, root.out);
  assertEquals((await runCli(["secrets", "set", "-h"])).out, set.out);
});
