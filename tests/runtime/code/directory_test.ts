import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AppError } from "../../../lib/errors.ts";
import { findFunction, listFunctions } from "../../../lib/runtime/code/directory.ts";
import { Fixture } from "./fixture.ts";

Deno.test("findFunction() finds a function in its own namespace only", async () => {
  await using fixture = await Fixture.with({ "a.ts": "", "@shop/b/index.ts": "" });
  const { root } = fixture;
  assertEquals(await findFunction(root, "a", null), { name: "a", namespace: null, file: "a.ts" });
  assertEquals((await findFunction(root, "b", "shop"))?.file, "@shop/b/index.ts");
  assertEquals(await findFunction(root, "b", null), null);
  assertEquals(await findFunction(root, "a", "shop"), null);
});

Deno.test("findFunction() finds nothing under a name that could leave the directory", async () => {
  await using fixture = await Fixture.with({ "a.ts": "" });
  await Deno.writeTextFile(`${fixture.base}/out.ts`, "");
  for (const name of ["../out", "..", ".", "", "a/../a", "a\0"]) {
    assertEquals(await findFunction(fixture.root, name, null), null);
  }
  for (const namespace of ["..", "x/..", "", "a\0"]) {
    assertEquals(await findFunction(fixture.root, "a", namespace), null);
  }
  assertEquals(await findFunction(`${fixture.base}/absent`, "a", null), null);
});

Deno.test("findFunction() refuses two files for one function", async () => {
  await using fixture = await Fixture.with({ "a.ts": "", "a/index.js": "" });
  const error = await assertRejects(() => findFunction(fixture.root, "a", null), AppError);
  assertEquals(error.message, "One function, several files: a.ts, a/index.js");
});

Deno.test("findFunction() refuses symbolic links at every part of the path", async () => {
  await using fixture = await Fixture.with({ "_real/index.ts": "", "_real/b.ts": "" });
  const { root } = fixture;
  await Deno.symlink(`${root}/_real/b.ts`, `${root}/file.ts`);
  await Deno.symlink(`${root}/_real`, `${root}/folder`);
  await Deno.symlink(`${root}/_real`, `${root}/@shop`);
  const places = [["file", null], ["folder", null], ["b", "shop"]] as const;
  for (const [name, namespace] of places) {
    const error = await assertRejects(() => findFunction(root, name, namespace), AppError);
    assertEquals(error.code, "FUNCTION_INVALID");
    assertStringIncludes(error.message, "symbolic links are not followed");
  }
  const { functions, problems } = await listFunctions(root);
  assertEquals(functions, []);
  assertEquals(problems.map(({ file }) => file), ["@shop", "file.ts", "folder"]);
});

Deno.test("findFunction() follows a root that is a link itself", async () => {
  await using fixture = await Fixture.with({ "a.ts": "" });
  await Deno.symlink(fixture.root, `${fixture.base}/link`);
  assertEquals((await findFunction(`${fixture.base}/link`, "a", null))?.file, "a.ts");
});

Deno.test("listFunctions() lists both kinds, sorted, and an absent directory as empty", async () => {
  await using fixture = await Fixture.with({
    "b.ts": "",
    "a/index.ts": "",
    "a/util.ts": "",
    "@shop/pay.ts": "",
    "_shared/x.ts": "",
    "node_modules/x/index.js": "",
  });
  const { functions } = await listFunctions(fixture.root);
  assertEquals(functions.map(({ file }) => file), ["a/index.ts", "b.ts", "@shop/pay.ts"]);
  assertEquals(await listFunctions(`${fixture.base}/absent`), { functions: [], problems: [] });
});
