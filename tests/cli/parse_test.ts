import { assert, assertEquals, assertThrows } from "@std/assert";
import { readTable } from "../../lib/cli/commands.ts";
import { CliError } from "../../lib/cli/failure.ts";
import { parseCommandLine } from "../../lib/cli/parse.ts";
import { type Command, type Flag, GLOBAL_FLAGS, nameOf } from "../../lib/cli/table.ts";

const ROOT = await readTable(null);
const parse = (...words: string[]) => parseCommandLine(words, ROOT);

const EXACT = [
  ["a number with zeros before it", "007"],
  ["a power of ten", "1e3"],
  ["a hexadecimal number", "0x10"],
  ["a fraction", "1.50"],
  ["a negative number", "-5"],
  ["a PEM block", "-----BEGIN KEY-----\nabc=\n-----END KEY-----\n"],
  ["an empty text", ""],
  ["a space", " "],
  ["true", "true"],
  ["a sign of equality", "a=b=c"],
  ["quotes, dollars and stars", `it's "$HOME" * \\ \`x\``],
  ["a newline at the end", "line\n"],
  ["the name of a prototype", "__proto__"],
] as const;

for (const [what, value] of EXACT) {
  Deno.test(`parseCommandLine() keeps ${what} exactly as VALUE and as a flag's value`, () => {
    assertEquals(parse("secrets", "set", "A", value).args.VALUE, value);
    assertEquals(parse("secrets", "set", "A", "--", value).args.VALUE, value);
    const flags = ["--description", value, `--expires=${value}`];
    const parsed = parse("secrets", "set", ...flags, "A", "v").flags;
    assertEquals(parsed.text("description"), value);
    assertEquals(parsed.text("expires"), value);
  });
}

for (const value of ["-x", "--value", "--namespace", "-", "--", "-o"]) {
  Deno.test(`parseCommandLine() takes ${value} after -- for VALUE`, () => {
    assertEquals(parse("secrets", "set", "A", "--", value).args.VALUE, value);
  });
}

Deno.test("parseCommandLine() gives a flag the next word, whatever it looks like", () => {
  const { flags, args } = parse("secrets", "set", "A", "v", "--description", "--expires");
  assertEquals(flags.text("description"), "--expires");
  assertEquals(flags.text("expires"), undefined);
  assertEquals(args, { NAME: "A", VALUE: "v" });
});

Deno.test("parseCommandLine() takes flags before, between and after the words", () => {
  const want = parse("secrets", "list", "--output", "json", "--no-headers");
  for (
    const words of [
      ["-o", "json", "secrets", "--no-headers", "list"],
      ["secrets", "-o=json", "list", "--no-headers=true"],
      ["--no-headers", "secret", "ls", "-ojson", "--quiet=false"],
    ]
  ) {
    const got = parse(...words);
    assertEquals(nameOf(got.path), "fluxbase secrets list");
    assertEquals(got.flags.text("output"), want.flags.text("output"));
    assert(got.flags.on("no-headers") && !got.flags.on("quiet"));
  }
});

const ALIASES = [
  ["secret rm A", "fluxbase secrets delete"],
  ["secrets remove A", "fluxbase secrets delete"],
  ["secrets versions A", "fluxbase secrets history"],
  ["fn invoke a", "fluxbase functions invoke"],
  ["status", "fluxbase health"],
] as const;

for (const [typed, want] of ALIASES) {
  Deno.test(`parseCommandLine() understands '${typed}'`, () => {
    assertEquals(nameOf(parse(...typed.split(" ")).path), want);
  });
}

const REFUSED = [
  [["secrets", "lsit"], "Unknown command 'lsit'. Did you mean 'list'?"],
  [["secrts", "list"], "Unknown command 'secrts'. Did you mean 'secrets'?"],
  [["zebra"], "Unknown command after 'fluxbase'"],
  [["secrets", "get"], "NAME is missing"],
  [["secrets", "get", "A", "B"], "Too many arguments: 2, not 1"],
  [["secrets", "list", "--namepsace", "x"], "Unknown flag --namepsace. Did you mean --namespace?"],
  [["secrets", "list", "--namepsace=x"], "Unknown flag --namepsace. Did you mean --namespace?"],
  [["secrets", "get", "A", "--scope", "global"], "'get' has no flag --scope"],
  [["secrets", "get", "A", "--scope=global"], "'get' has no flag --scope"],
  [["secrets", "list", "--no-colour=x"], "Unknown flag --no-colour"],
  [["secrets", "list", "-z"], "Unknown flag --z"],
  [["secrets", "list", "--namespace"], "Flag --namespace needs a value: --namespace NAME"],
  [["secrets", "list", "--quiet=maybe"], "Flag --quiet is on or off and takes no value"],
  [
    ["secrets", "list", "--namespace", "a", "--namespace", "b"],
    "Flag --namespace is given more than once",
  ],
] as const;

for (const [words, message] of REFUSED) {
  Deno.test(`parseCommandLine() refuses '${words.join(" ")}'`, () => {
    const error = assertThrows(() => parse(...words), CliError);
    assertEquals([error.exit, error.message], [2, message]);
  });
}

Deno.test("parseCommandLine() repeats nothing that may be a value in an error", () => {
  for (
    const words of [
      ["secrets", "set", "A", "--canary77"],
      ["secrets", "set", "A", "-canary77"],
      ["secrets", "set", "A", "--canary77=canary77"],
      ["secrets", "set", "A", "v", "canary77"],
      ["secrets", "set", "A", "v", "--descripton=canary77"],
      ["secrets", "A", "canary77"],
      ["canary77"],
    ]
  ) {
    const error = assertThrows(() => parse(...words), CliError);
    assert(!`${error.message} ${error.hint}`.includes("canary77"), words.join(" "));
  }
});

Deno.test("parseCommandLine() needs no arguments to show help", () => {
  assert(parse("secrets", "set", "--help").flags.on("help"));
  assert(parse("secrets", "-h").flags.on("help"));
});

Deno.test("the command table gives a flag the same kind and letter everywhere", () => {
  const kinds = new Map<string, string>();
  const visit = (command: Command): void => {
    for (const flag of [...GLOBAL_FLAGS, ...(command.flags ?? [])]) {
      const kind = kindOf(flag);
      assertEquals(kinds.get(flag.name) ?? kind, kind, `${command.name} --${flag.name}`);
      kinds.set(flag.name, kind);
    }
    command.commands?.forEach(visit);
  };
  visit(ROOT);
  const letters = GLOBAL_FLAGS.flatMap((flag) => flag.short ?? []);
  assertEquals(new Set(letters).size, letters.length);
});

function kindOf(flag: Flag): string {
  return `${flag.short ?? ""} ${flag.value === undefined ? "switch" : "text"}`;
}

Deno.test("the table tells of each noun what the noun's own part does", async () => {
  const told = (await readTable([])).commands ?? [];
  for (const [i, noun] of (ROOT.commands ?? []).entries()) {
    const { name, aliases, summary } = told[i]!;
    assertEquals([name, aliases, summary], [noun.name, noun.aliases, noun.summary]);
  }
  const [secrets, settings] = (await readTable(["-o", "json", "secret", "list"])).commands ?? [];
  assert(secrets?.commands !== undefined && settings?.commands === undefined);
});
