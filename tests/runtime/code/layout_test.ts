import { assert, assertEquals } from "@std/assert";
import { candidatePaths, functionsIn, isFunctionName } from "../../../lib/runtime/code/layout.ts";

const PLACES: readonly [file: string, name: string, namespace: string | null][] = [
  ["hello.ts", "hello", null],
  ["hello.tsx", "hello", null],
  ["hello.js", "hello", null],
  ["hello.mjs", "hello", null],
  ["send-mail_2.ts", "send-mail_2", null],
  ["9.ts", "9", null],
  ["index.ts", "index", null],
  ["hello/index.ts", "hello", null],
  ["hello/index.mjs", "hello", null],
  ["@shop/pay.ts", "pay", "shop"],
  ["@shop/pay/index.tsx", "pay", "shop"],
  ["@eu.west-1/pay.js", "pay", "eu.west-1"],
  ["@shop/index.ts", "index", "shop"],
];

const NOTHING: readonly string[] = [
  "_shared.ts",
  "_shared/index.ts",
  ".hidden.ts",
  ".git/index.js",
  "@shop/_db.ts",
  "@shop/.x/index.ts",
  "hello/util.ts",
  "hello/deep/index.ts",
  "@shop/pay/deep/index.ts",
  "@shop/pay/util.ts",
  "hello.d.ts",
  "hello.test.ts",
  "README.md",
  "deno.json",
  "hello",
  "hello/index.json",
];

const PROBLEMS: readonly string[] = [
  "-hello.ts",
  "two words.ts",
  "häuser.ts",
  `${"a".repeat(64)}.ts`,
  "two words/index.ts",
  "@/pay.ts",
  "@-shop/pay.ts",
  "@two words/pay.ts",
  "@@shop/pay.ts",
];

Deno.test("functionsIn() gives each place its name and namespace", () => {
  for (const [file, name, namespace] of PLACES) {
    assertEquals(functionsIn([file]), { functions: [{ name, namespace, file }], problems: [] });
  }
});

Deno.test("functionsIn() passes over what is no function", () => {
  assertEquals(functionsIn(NOTHING), { functions: [], problems: [] });
});

Deno.test("functionsIn() names what could be a function but for its name", () => {
  for (const file of PROBLEMS) {
    const { functions, problems } = functionsIn([file]);
    assertEquals([functions.length, problems.map((problem) => problem.file)], [0, [file]]);
  }
});

Deno.test("functionsIn() refuses two files for one function, and keeps its namesakes", () => {
  const { functions, problems } = functionsIn(["a.ts", "a/index.js", "@x/a.ts", "b.ts"]);
  assertEquals(functions.map(({ file }) => file), ["b.ts", "@x/a.ts"]);
  assertEquals(problems.map(({ file }) => file), ["a.ts", "a/index.js"]);
  assert(problems.every(({ reason }) => reason.endsWith("a.ts, a/index.js")));
});

Deno.test("candidatePaths() lists exactly the places that functionsIn() reads back", () => {
  for (const namespace of [null, "shop"]) {
    for (const file of candidatePaths("pay", namespace)) {
      assertEquals(functionsIn([file]).functions, [{ name: "pay", namespace, file }]);
    }
  }
});

Deno.test("isFunctionName() keeps to its rule", () => {
  for (const name of ["a", "A-_9", "a".repeat(63)]) assert(isFunctionName(name), name);
  for (const name of ["", "_a", "-a", "a.b", "a/b", "../a", "a b", "a\n", "a".repeat(64)]) {
    assert(!isFunctionName(name), name);
  }
});
