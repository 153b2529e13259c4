import { assert, assertEquals, assertMatch, assertNotMatch, assertRejects } from "@std/assert";
import { AppError } from "../../../lib/errors.ts";
import { type Bundle, bundle, prewarm } from "../../../lib/runtime/code/bundle.ts";
import { findFunction } from "../../../lib/runtime/code/directory.ts";
import { type Files, Fixture, returning, runCode } from "./fixture.ts";

async function bundleOf(fixture: Fixture, name: string): Promise<Bundle> {
  const located = await findFunction(fixture.root, name, null);
  assert(located !== null);
  return await bundle(located, fixture.options);
}

async function failureOf(files: Files, prepare?: (fixture: Fixture) => Promise<void>) {
  await using fixture = await Fixture.with(files);
  await prepare?.(fixture);
  const error = await assertRejects(() => bundleOf(fixture, "f"), AppError);
  // Neither the machine's paths, nor colours, nor the tools' frames may be shown.
  assertNotMatch(error.message, /file:\/\/\/(?!etc)|\n/);
  assert(!error.message.includes("\u001b"));
  assert(!error.message.includes(fixture.base), error.message);
  return [error.code, error.message];
}

Deno.test("bundle() makes one module of code, types, JSON, text, bytes and Node's own", async () => {
  await using fixture = await Fixture.with({
    "f.ts": `import { twice } from "./_shared/twice.ts";
import data from "./_shared/data.json" with { type: "json" };
import text from "./_shared/text.txt" with { type: "text" };
import bytes from "./_shared/text.txt" with { type: "bytes" };
import common from "./_shared/common.cjs";
import { basename } from "node:path";
const late = await import("./_shared/late.ts");
export default (): unknown => [twice(2), data.n, text, bytes.length, common.x, basename("/a/b"), late.late];
`,
    "_shared/twice.ts": "export const twice = (n: number): number => n * 2;",
    "_shared/data.json": '{"n": 7}',
    "_shared/text.txt": "hé",
    "_shared/common.cjs": "exports.x = 1;",
    "_shared/late.ts": "export const late = true;",
  });
  const { code, hash, inputs, warnings } = await bundleOf(fixture, "f");
  assertEquals(await runCode(code), [4, 7, "hé", 3, 1, "b", true]);
  assertEquals(inputs.toSorted(), [
    "_shared/common.cjs",
    "_shared/data.json",
    "_shared/late.ts",
    "_shared/text.txt",
    "_shared/twice.ts",
    "f.ts",
  ]);
  assertEquals(warnings, []);
  assertMatch(hash, /^[0-9a-f]{64}$/);
  assert(
    !code.includes(fixture.base) && !atob(code.split("base64,")[1] ?? "").includes(fixture.base),
  );
});

Deno.test("bundle() takes packages from npm", async () => {
  await using fixture = await Fixture.with({
    "f.ts": returning("pad('7', 3, '0')", 'import pad from "npm:left-pad@1.3.0";'),
  });
  const { code } = await bundleOf(fixture, "f");
  assertEquals(await runCode(code), "007");
  assertNotMatch(code, /\.\.\//);
});

Deno.test("bundle() gives the same hash for the same sources", async () => {
  await using fixture = await Fixture.with({ "f.ts": returning("1") });
  assertEquals((await bundleOf(fixture, "f")).hash, (await bundleOf(fixture, "f")).hash);
});

const REFUSED: readonly [what: string, source: string, message: RegExp][] = [
  [
    "a text import of another file",
    'import x from "/etc/passwd" with { type: "text" };\nexport default () => x;',
    /^f\.ts:1:15: "\/etc\/passwd" lies outside the functions directory$/,
  ],
  [
    "a text import that is only loaded later",
    'export default () => import("file:///etc/passwd", { with: { type: "text" } });',
    /^f\.ts:1:29: "file:\/\/\/etc\/passwd" lies outside the functions directory$/,
  ],
  [
    "a bytes import of another file",
    'import x from "/etc/passwd" with { type: "bytes" };\nexport default () => x;',
    /lies outside the functions directory$/,
  ],
  [
    "a relative import that escapes",
    '\nimport { x } from "../out.ts";\nexport default () => x;',
    /^f\.ts:2:19: "\.\.\/out\.ts" lies outside the functions directory$/,
  ],
  [
    "an escape by a sibling whose name begins alike",
    'import x from "../functions-other/x.ts";\nexport default () => x;',
    /lies outside the functions directory$/,
  ],
  [
    "an escape in percent-encoding",
    'import x from "./%2e%2e/out.ts";\nexport default () => x;',
    /lies outside the functions directory$/,
  ],
  [
    "a module on the web",
    'import x from "https://example.com/x.ts";\nexport default () => x;',
    /^f\.ts:1:15: "https:\/\/example\.com\/x\.ts" can't be imported: use an npm: specifier/,
  ],
  [
    "a package on JSR",
    'import x from "jsr:@std/assert@1";\nexport default () => x;',
    /^f\.ts:1:15: "jsr:@std\/assert@1" can't be imported: use an npm: specifier/,
  ],
];

for (const [what, source, message] of REFUSED) {
  Deno.test(`bundle() refuses ${what}`, async () => {
    const [code, text] = await failureOf({ "f.ts": source }, async ({ base }) => {
      await Deno.mkdir(`${base}/functions-other`);
      await Deno.writeTextFile(`${base}/functions-other/x.ts`, "export default 1;");
      await Deno.writeTextFile(`${base}/out.ts`, "export const x = 1;");
    });
    assertEquals(code, "FUNCTION_INVALID");
    assertMatch(String(text), message);
  });
}

Deno.test("bundle() refuses a shared module that escapes, and names its place", async () => {
  const files = {
    "f.ts": 'import "./_shared/a.ts";\nexport default () => 1;',
    "_shared/a.ts": 'import x from "../../out.json" with { type: "json" };\nconsole.log(x);',
  };
  const [code, message] = await failureOf(files, ({ base }) => {
    return Deno.writeTextFile(`${base}/out.json`, "{}");
  });
  assertEquals(code, "FUNCTION_INVALID");
  assertEquals(message, '_shared/a.ts:1:15: "../../out.json" lies outside the functions directory');
});

Deno.test("bundle() refuses an import through a symbolic link", async () => {
  const files = { "f.ts": 'import x from "./_x/x.ts";\nexport default () => x;' };
  const [code, message] = await failureOf(files, async ({ base, root }) => {
    await Deno.mkdir(`${base}/outside`);
    await Deno.writeTextFile(`${base}/outside/x.ts`, "export default 1;");
    await Deno.symlink(`${base}/outside`, `${root}/_x`);
  });
  assertEquals([code, message], [
    "FUNCTION_INVALID",
    "_x/x.ts: symbolic links are not followed",
  ]);
});

Deno.test("bundle() lets a type come from anywhere", async () => {
  await using fixture = await Fixture.with({
    "f.ts": 'import type { T } from "../types.ts";\nconst x: T = 1;\nexport default () => x;',
  });
  await Deno.writeTextFile(`${fixture.base}/types.ts`, "export type T = number;");
  const { code, inputs } = await bundleOf(fixture, "f");
  assertEquals([await runCode(code), inputs], [1, ["f.ts"]]);
});

Deno.test("bundle() stops a package that requires a file of the machine", async () => {
  await using fixture = await Fixture.with({
    "f.ts": returning("pad", 'import pad from "npm:left-pad@1.3.0";'),
  });
  const options = { ...fixture.options, denoDir: `${fixture.base}/deno` };
  const located = { name: "f", namespace: null, file: "f.ts" };
  await bundle(located, options);
  await Deno.writeTextFile(`${fixture.base}/secret.json`, '{"secret": "of the machine"}');
  const packages = `${options.denoDir}/npm`;
  const [registry] = await Array.fromAsync(Deno.readDir(packages), ({ name }) => name);
  const folder = `${packages}/${registry}/left-pad/1.3.0`;
  const line = `module.exports.leak = require("${fixture.base}/secret.json");`;
  await Deno.writeTextFile(`${folder}/index.js`, line, { append: true });
  const error = await assertRejects(() => bundle(located, options), AppError);
  assertEquals(
    error.message,
    "npm:left-pad@1.3.0/index.js: imports a file outside the functions directory",
  );
});

Deno.test("bundle() keeps a foreign source map's texts out of the bundle", async () => {
  await using fixture = await Fixture.with({
    "f.js": "export default () => 1;\n//# sourceMappingURL=../secret.map\n",
  });
  const secret = { version: 3, sources: ["inside.ts"], names: ["inside"], mappings: "AAAAA" };
  const text = JSON.stringify({ ...secret, sourcesContent: ["inside"] });
  await Deno.writeTextFile(`${fixture.base}/secret.map`, text);
  const { code } = await bundleOf(fixture, "f");
  const map = atob(code.split("base64,")[1] ?? "");
  assert(map.includes("mappings") && !map.includes("inside"), map);
});

const BROKEN: readonly [what: string, files: Files, message: RegExp][] = [
  [
    "a syntax error",
    { "f.ts": "export default (\n  const x = ;\n" },
    /^f\.ts:2:\d+: SyntaxError: /,
  ],
  [
    "a syntax error in a shared module",
    { "f.ts": 'import "./_a.ts"; export default 1;', "_a.ts": "let = =" },
    /^_a\.ts:1:\d+: SyntaxError: /,
  ],
  [
    "a module that isn't there",
    { "f.ts": 'import "./_gone.ts"; export default 1;' },
    /^f\.ts:1:8: Module not found "_gone\.ts"\.$/,
  ],
  [
    "a name that isn't mapped",
    { "f.ts": 'import x from "bare"; export default x;' },
    /^f\.ts:1:15: Import "bare" not a dependency/,
  ],
  [
    "a package that doesn't exist",
    { "f.ts": 'import x from "npm:left-pad@99.0.0"; export default x;' },
    /^f\.ts:1:15: Could not find npm package 'left-pad' matching '99\.0\.0'\.$/,
  ],
  [
    "an export that isn't there",
    { "f.ts": 'import { b } from "./_a.ts"; export default b;', "_a.ts": "export const a = 1;" },
    /^f\.ts: No matching export in "_a\.ts" for import "b"$/,
  ],
];

for (const [what, files, message] of BROKEN) {
  Deno.test(`bundle() reports ${what} with its place`, async () => {
    const [code, text] = await failureOf(files);
    assertEquals(code, "FUNCTION_INVALID");
    assertMatch(String(text), message);
  });
}

Deno.test("bundle() shows no literal of the source in a message", async () => {
  for (const literal of ['"sk_live"', "'sk_live)'", '"sk_live\\n)"', '"(" + "sk_live"']) {
    const [, message] = await failureOf({ "f.ts": `export default f(1 ${literal});` });
    assertMatch(String(message), /^f\.ts:1:20: SyntaxError: Expected ',', got 'string literal$/);
  }
});

Deno.test("bundle() gives stack traces the lines of the user's own files", async () => {
  await using fixture = await Fixture.with({
    "f.ts": 'import { fail } from "./_b.ts";\n\ntype T = 1;\nexport default () => fail();\n',
    "_b.ts":
      "interface A {\n  a: number;\n}\nexport function fail(): A {\n  throw new Error('x');\n}\n",
  });
  const { code } = await bundleOf(fixture, "f");
  const error = await assertRejects(() => runCode(code), Error);
  assertMatch(error.stack ?? "", /at fail \(function:_b\.ts:5:9\)\n\s+at .*function:f\.ts:4:/);
});

Deno.test("bundle() gives a package's lines to no file of the user", async () => {
  await using fixture = await Fixture.with({
    "f.ts": `import pad from "npm:left-pad@1.3.0";
const fill = { toString() { throw new Error("x"); } };
export default () => pad("7", 3, fill);
`,
  });
  const { code } = await bundleOf(fixture, "f");
  const { stack = "" } = await assertRejects(() => runCode(code), Error);
  assertMatch(stack, /function:f\.ts:2:[^]*at leftPad \(blob:[^]*function:f\.ts:3:/);
});

Deno.test("bundle() honours the nearest deno.json and nothing else of its kind", async () => {
  await using fixture = await Fixture.with({
    "deno.json": '{"imports": {"x": "./_root.ts"}}',
    "f.ts": returning("x", 'import x from "x";'),
    "g/index.ts": returning("x", 'import x from "x";'),
    "g/deno.jsonc": '// nearest\n{"imports": {"x": "../_g.ts"}, "unstable": ["kv"], "tasks": {}}',
    "_root.ts": "export default 'root';",
    "_g.ts": "export default 'g';",
  });
  await Deno.writeTextFile(`${fixture.base}/deno.json`, '{"imports": {"x": "data:,"}}');
  await Deno.writeTextFile(`${fixture.base}/package.json`, '{"type": "commonjs"}');
  const [f, g] = [await bundleOf(fixture, "f"), await bundleOf(fixture, "g")];
  assertEquals([await runCode(f.code), await runCode(g.code)], ["root", "g"]);
  assertEquals(g.inputs.toSorted(), ["_g.ts", "g/deno.jsonc", "g/index.ts"]);
});

const CONFIGS: readonly [text: string, message: string][] = [
  ['{"imports": {"x": "../out.ts"}}', 'f.ts:1:15: "x" lies outside the functions directory'],
  ['{"links": ["../out"]}', 'deno.json: "links" is not supported; use "imports"'],
  ['{"workspace": ["./a"]}', 'deno.json: "workspace" is not supported; use "imports"'],
  ['{"importMap": "../m.json"}', 'deno.json: "importMap" is not supported; use "imports"'],
  ["{", "deno.json: is not valid JSON"],
  ["[]", "deno.json: must hold one JSON object"],
];

for (const [text, message] of CONFIGS) {
  Deno.test(`bundle() refuses the deno.json ${text}`, async () => {
    const files = { "deno.json": text, "f.ts": 'import x from "x";\nexport default () => x;' };
    const write = ({ base }: Fixture) => Deno.writeTextFile(`${base}/out.ts`, "export default 1;");
    assertEquals(await failureOf(files, write), ["FUNCTION_INVALID", message]);
  });
}

Deno.test("bundle() leaves computed imports to the child's own permissions", async () => {
  await using fixture = await Fixture.with({
    "f.ts": "const path = '../out' + '.ts';\nexport default () => import(path);",
  });
  await Deno.writeTextFile(`${fixture.base}/out.ts`, "export default 'leak';");
  const { code, inputs } = await bundleOf(fixture, "f");
  assertEquals(inputs, ["f.ts"]);
  await assertRejects(() => runCode(code), TypeError);
});

Deno.test("bundle() leaves nothing behind but what it is asked for", async () => {
  await using fixture = await Fixture.with({ "f.ts": returning("1"), "g.ts": "(" });
  await bundleOf(fixture, "f");
  await assertRejects(() => bundleOf(fixture, "g"), AppError);
  assertEquals(await Array.fromAsync(Deno.readDir(fixture.options.cacheDir)), []);
  assertEquals((await Deno.stat(fixture.options.cacheDir)).mode! & 0o777, 0o700);
});

Deno.test("prewarm() says so when the bundler can't be brought", async () => {
  await using fixture = await Fixture.with({});
  const env = { ...fixture.options.env, HTTPS_PROXY: "http://127.0.0.1:9" };
  const options = { ...fixture.options, env, denoDir: `${fixture.base}/deno` };
  const error = await assertRejects(() => prewarm(options), AppError);
  assertEquals(error.code, "BUNDLER_UNAVAILABLE");
  assertEquals(error.message, "The bundler could not be brought from the npm registry");
});

Deno.test("prewarm() ends when it is told to", async () => {
  await using fixture = await Fixture.with({});
  const signal = AbortSignal.abort();
  const error = await assertRejects(() => prewarm({ ...fixture.options, signal }), AppError);
  assertEquals(error.code, "SHUTTING_DOWN");
});
