import { assertEquals, assertThrows } from "@std/assert";
import { AppError } from "../../../lib/errors.ts";
import { bundle } from "../../../lib/runtime/code/bundle.ts";
import { CodeSource } from "../../../lib/runtime/code/code_source.ts";
import {
  formatSettings,
  type FunctionSettings,
  NO_SETTINGS,
  parseSettings,
  readSettings,
  seesSecret,
} from "../../../lib/runtime/code/settings.ts";
import { Fixture, returning } from "./fixture.ts";

function read(fluxbase: unknown, name = "hello", namespace: string | null = null) {
  const config = { file: "deno.json", text: JSON.stringify({ fluxbase }) };
  return readSettings(config, { name, namespace }, "functions");
}

Deno.test("readSettings() gives each function what stands for it, else what stands for all", () => {
  const section = {
    timeoutSeconds: 5,
    secrets: ["stripe_*"],
    functions: {
      hello: { memoryMb: 128, network: ["API.stripe.com:443"] },
      "@prod/hello": { timeoutSeconds: 60, anonymous: true },
    },
  };
  const common = { ...NO_SETTINGS, timeoutMs: 5_000, secrets: ["STRIPE_*"] };
  const hello = { ...common, memoryMb: 128, network: ["api.stripe.com:443"] };
  assertEquals(read(section, "other"), common);
  assertEquals(read(section, "hello"), hello);
  assertEquals(read(section, "hello", "dev"), hello);
  const prod = { ...hello, timeoutMs: 60_000, anonymous: true };
  assertEquals(read(section, "hello", "prod"), prod);
  assertEquals(read({}, "hello"), NO_SETTINGS);
});

Deno.test("readSettings() refuses unknown keys and bad values, and names the place", () => {
  const unknown = "has an unknown key";
  const cases: [section: unknown, message: string][] = [
    [7, "fluxbase must be an object"],
    [{ timeout: 3 }, `fluxbase ${unknown}`],
    [{ timeoutSeconds: 0 }, "fluxbase.timeoutSeconds must be a whole number from 1 to 3600"],
    [{ timeoutSeconds: 1.5 }, "fluxbase.timeoutSeconds must be a whole number"],
    [{ timeoutSeconds: "30" }, "fluxbase.timeoutSeconds must be a whole number"],
    [{ memoryMb: 8 }, "fluxbase.memoryMb must be a whole number from 96 to 4096"],
    [{ network: "example.com" }, "fluxbase.network must be a list"],
    [{ network: ["example.com", "*.example.com"] }, "fluxbase.network.1 must be hosts"],
    [{ secrets: ["A-B"] }, "fluxbase.secrets.0 must be names of secrets"],
    [{ secrets: ["a*b*c*d*e*"] }, "fluxbase.secrets.0 must be names of secrets"],
    [{ anonymous: "yes" }, "fluxbase.anonymous must be true or false"],
    [{ functions: { hello: { memory: 1 } } }, `fluxbase.functions.hello ${unknown}`],
    [{ functions: { "../x": {} } }, "fluxbase.functions.../x must be NAME or @NAMESPACE/NAME"],
  ];
  for (const [section, message] of cases) {
    const error = assertThrows(() => read(section), AppError);
    assertEquals([error.code, error.message.slice(0, 11)], ["FUNCTION_INVALID", "deno.json: "]);
    assertEquals(error.message.slice(11, 11 + message.length), message);
  }
});

Deno.test("readSettings() refuses anonymous for jobs", () => {
  const config = {
    file: "deno.json",
    text: `{ "fluxbase": { "jobs": { "j": { "anonymous": true } } } }`,
  };
  assertThrows(() => readSettings(config, { name: "j", namespace: null }, "jobs"), AppError);
});

Deno.test("seesSecret() takes globs; an empty list hides all", () => {
  const sees = (secrets: FunctionSettings["secrets"], name: string) =>
    seesSecret({ ...NO_SETTINGS, secrets }, name);
  assertEquals(sees(null, "A"), true);
  assertEquals(sees([], "A"), false);
  assertEquals([sees(["STRIPE_*"], "STRIPE_KEY"), sees(["STRIPE_*"], "X_STRIPE_KEY")], [
    true,
    false,
  ]);
});

Deno.test("parseSettings() reads what formatSettings() wrote, and nothing else", () => {
  const settings = { ...NO_SETTINGS, network: ["a.example"], anonymous: true };
  assertEquals(parseSettings(formatSettings(settings)), settings);
  for (const text of ["", "{}", `{"x":1}`, "null"]) assertThrows(() => parseSettings(text));
});

Deno.test("bundle() takes settings from the nearest file that has some, and imports from the nearest", async () => {
  await using fixture = await Fixture.with({
    "deno.json": `{ "fluxbase": { "secrets": [], "functions": { "a": { "timeoutSeconds": 7 } } } }`,
    "a/deno.json": `{ "imports": { "lib": "../_shared/lib.ts" } }`,
    "a/index.ts": returning("value", 'import { value } from "lib";'),
    "_shared/lib.ts": "export const value = 1;\n",
    "b/deno.jsonc": `{ /* its own */ "fluxbase": { "memoryMb": 200 } }`,
    "b/index.ts": returning("2"),
  });
  const of = (file: string, name: string) =>
    bundle({ name, namespace: null, file }, fixture.options);
  const a = await of("a/index.ts", "a");
  assertEquals(a.settings, { ...NO_SETTINGS, secrets: [], timeoutMs: 7_000 });
  assertEquals(a.inputs.filter((file) => file.includes("deno")), ["a/deno.json", "deno.json"]);
  assertEquals((await of("b/index.ts", "b")).settings, { ...NO_SETTINGS, memoryMb: 200 });
});

Deno.test("CodeSource.get() follows a change of the settings, also over a restart", async () => {
  await using fixture = await Fixture.with({ "hello.ts": returning("1") });
  const open = () => new CodeSource({ ...fixture.options, lookEveryMs: 0 });
  const first = open();
  assertEquals((await first.get("hello", null)).settings, NO_SETTINGS);
  await fixture.write("deno.json", `{ "fluxbase": { "anonymous": true } }`);
  assertEquals((await first.get("hello", null)).settings, { ...NO_SETTINGS, anonymous: true });
  await first.close();
  const second = open();
  assertEquals((await second.get("hello", null)).settings, { ...NO_SETTINGS, anonymous: true });
  await fixture.write("deno.json", `{ "fluxbase": { "anonymous": 1 } }`);
  const failure = await second.get("hello", null).catch((error) => error);
  assertEquals(failure.message, "deno.json: fluxbase.anonymous must be true or false");
  await second.close();
});
