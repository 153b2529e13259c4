/** Completions, in a real bash. */
import { assertEquals } from "@std/assert";
import { good, testCli } from "../support/cli_world.ts";
import { hostEnvironment, ROOT, runCli } from "../support/cli.ts";

/** What stands on the line, the last word not ended; and what is offered, or begins what is. */
const LINES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["secr", ["secrets"]],
  ["secrets ro", ["rollback"]],
  ["secret l", ["list"]],
  ["secrets ls --sc", ["--scope"]],
  ["secrets set API_KEY --names", ["--namespace"]],
  ["--debug jobs schedule s", ["set"]],
  ["settings secrets d", ["delete"]],
  ["secrets set list --expi", ["--expires"]],
  ["functions deploy --no-h", ["--no-headers"]],
  ["help audi", ["audit"]],
  ["help secrets hist", ["history"]],
  ["--profile jobs secrets his", ["history"]],
  ["-o json secrets his", ["history"]],
  ["--prof", ["--profile"]],
  // Files, which bash offers where nothing else is.
  ["secrets set X --from-file ", []],
  ["backup create ", []],
  ["secrets nowhere", []],
];

async function bash(script: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "--noprofile", "-c", script],
    env: { ...hostEnvironment(), ...env },
    clearEnv: true,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(text(stderr), "");
  return text(stdout);
}

Deno.test("bash completes commands, by their other names too, and their flags", async () => {
  const { out, err } = await runCli(["completions", "bash"]);
  assertEquals(err, "");
  const asked = LINES.map(([line]) => {
    const words = ["fluxbase", ...line.split(" ")].map((word) => `'${word}'`);
    return `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _fluxbase
      echo "\${COMPREPLY[*]}"`;
  });
  const answers = (await bash([out, ...asked].join("\n"))).split("\n");
  LINES.forEach(([line, offered], i) => assertEquals(answers[i], offered.join(" "), line));
});

testCli("the script brings a command fluxbase where there is none", async (run, api) => {
  await good(run, ["secrets", "set", "BY_NAME", "a value"]);
  const script = await good(run, ["completions", "bash"]);
  const env = {
    FLUXBASE_SERVER: api.server,
    FLUXBASE_TOKEN: api.adminKey,
    FLUXBASE_CONFIG: `${ROOT}tests/no-such-file.yaml`,
  };
  const typed = `PATH=${Deno.execPath().replace(/\/[^/]*$/, "")}:$PATH\ncd /\n${script}`;
  assertEquals(
    JSON.parse(await bash(`${typed}\nfluxbase secrets get BY_NAME`, env)).name,
    "BY_NAME",
  );
  assertEquals(await bash(`fluxbase() { echo own; }\n${typed}\nfluxbase`, env), "own\n");
});

Deno.test("completions of another shell are refused", async () => {
  const { code, err } = await runCli(["completions", "tcsh"]);
  assertEquals([code, err], [2, "Error: SHELL must be bash\n"]);
});
