import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { good, testCli } from "../support/cli_world.ts";
import { terminal } from "../support/terminal.ts";

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

/** `zq` stands in everything that is typed, and in nothing that is shown. */
const KEYS: readonly (readonly [what: string, keys: string, want: string | RegExp])[] = [
  ["a value", "zq-value\r", "zq-value"],
  ["characters taken back whole", "zqé\x7fé-value\r", "zqé-value"],
  ["a line taken back", "zq-wrong\x15zq-right\r", "zq-right"],
  ["a tab", "zq\ttab\r", "zq\ttab"],
  ["Ctrl-D on an empty line", "\x04", /Error: Called off/],
  ["an arrow key", "zq\x1b[D\r", /control characters/],
  ["a paste of several lines", "zq-1\rzq-2\r", /several lines/],
];

testCli(
  "secrets set asks for a value that is left out, and shows none of it",
  async (_run, api) => {
    const env = { FLUXBASE_SERVER: api.server, FLUXBASE_TOKEN: api.adminKey };
    for (const [what, keys, want] of KEYS) {
      const then = { after: "(hidden): ", keys };
      const { screen } = await terminal(["secrets", "set", "PROMPTED"], { env, then });
      assert(!screen.includes("zq"), `${what}: ${screen}`);
      if (typeof want === "string") assertEquals(await api.reveal("PROMPTED"), want, what);
      else assertMatch(screen, want, what);
    }
  },
);
