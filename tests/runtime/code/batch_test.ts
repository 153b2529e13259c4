import { assertEquals } from "@std/assert";
import { AppError } from "../../../lib/errors.ts";
import { bundleMany } from "../../../lib/runtime/code/batch.ts";
import { type Bundle, bundle } from "../../../lib/runtime/code/bundle.ts";
import { listFunctions } from "../../../lib/runtime/code/directory.ts";
import { Gate } from "../../../lib/runtime/code/gate.ts";
import { type Files, Fixture, returning } from "./fixture.ts";

const FILES: Files = {
  "_shared/value.ts": "export const value: number = 1;\n",
  "a.ts": returning("value", 'import { value } from "./_shared/value.ts";'),
  "b.ts": returning("pad", 'import pad from "npm:left-pad@1.3.0";'),
  "broken.ts": "export default () => {\n  return (;\n};\n",
  "missing.ts": returning("1", 'import "./_shared/gone.ts";'),
  "remote.ts": returning("1", 'import "https://example.com/x.ts";'),
  "types.ts": returning("1", 'import type { T } from "https://example.com/t.ts";'),
  "mapped/deno.json":
    `{ "imports": { "value": "../_shared/value.ts" }, "fluxbase": { "secrets": [] } }`,
  "mapped/index.ts": returning("value", 'import { value } from "value";'),
  "unmapped.ts": returning("value", 'import { value } from "value";'),
  "bad_config/deno.json": "{",
  "bad_config/index.ts": returning("1"),
  "bad_settings/deno.jsonc": `{ "fluxbase": { "memoryMb": 1 } }`,
  "bad_settings/index.ts": returning("1"),
  "@prod/a.ts": returning("value + 1", 'import { value } from "../_shared/value.ts";'),
};

function shown(outcome: Bundle | AppError): unknown {
  return outcome instanceof AppError ? `${outcome.code}: ${outcome.message}` : outcome;
}

Deno.test("bundleMany() gives for each function just what bundle() gives", async () => {
  await using fixture = await Fixture.with(FILES);
  const { functions } = await listFunctions(fixture.root);
  const alone = await Promise.all(
    functions.map((each) => bundle(each, fixture.options).catch((error) => error)),
  );
  const together = await bundleMany(functions, fixture.options, new Gate(2));
  assertEquals(together.map(({ outcome }) => shown(outcome)), alone.map(shown));
  const good = alone.filter((outcome) => !(outcome instanceof Error)).length;
  assertEquals([good, alone.length - good], [5, 6]);
});

Deno.test("bundleMany() of more than one batch keeps the order", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 19 }, (_, i) => [`f${i}.ts`, returning(`"number ${i}"`)]),
  );
  await using fixture = await Fixture.with(files);
  const { functions } = await listFunctions(fixture.root);
  const outcomes = await bundleMany(functions, fixture.options, new Gate(2));
  for (const [at, { outcome }] of outcomes.entries()) {
    const text = `"number ${functions[at]!.name.slice(1)}"`;
    assertEquals(!(outcome instanceof AppError) && outcome.code.includes(text), true, text);
  }
});
