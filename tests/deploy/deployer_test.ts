import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import type { Grant, Principal } from "../../lib/principal/principal.ts";
import { parseNamespace } from "../../lib/resolve/ref.ts";
import { admin, testOverDatabases } from "../support/world.ts";
import { Replica, saying, upload } from "./fixture.ts";

const test = testOverDatabases();
const hello = { name: "hello", namespace: null };

async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error = await assertRejects(() => promise, AppError);
  assertEquals(error.code, code, error.message);
  return error.message;
}

test("deploy() tells what was created, updated, left and deleted, and a dry run only tells", async (world) => {
  await using replica = await Replica.open(world);
  const first = await replica.deploy({ "hello.ts": saying("1"), "@prod/pay.ts": saying("pay") });
  assertEquals(first, {
    created: ["@prod/pay", "hello"].sort().reverse(),
    updated: [],
    unchanged: [],
    deleted: [],
  });
  const files = { "hello.ts": saying("2"), "new.ts": saying("new"), "@prod/pay.ts": saying("pay") };
  const expected = { created: ["new"], updated: ["hello"], unchanged: ["@prod/pay"], deleted: [] };
  assertEquals(await replica.deploy(files, { dryRun: true }), expected);
  assertEquals([await replica.said("hello"), await replica.said("new")], ["1", undefined]);
  assertEquals(await replica.deploy(files), expected);
  assertEquals([await replica.said("hello"), await replica.said("new")], ["2", "new"]);
  assertEquals(await replica.said("pay", "prod"), "pay");
  assertEquals(await replica.said("pay"), undefined);
});

test("deploy() prunes only where it deploys to, and only when told", async (world) => {
  await using replica = await Replica.open(world);
  const files = {
    "a.ts": saying("a"),
    "b.ts": saying("b"),
    "@x/c.ts": saying("c"),
    "@y/d.ts": saying("d"),
  };
  await replica.deploy(files);
  assertEquals((await replica.deploy({ "a.ts": saying("a") })).deleted, []);
  const rest = { "a.ts": saying("a"), "@x/e.ts": saying("e") };
  assertEquals((await replica.deploy(rest, { prune: true, dryRun: true })).deleted, ["@x/c", "b"]);
  assertEquals(await replica.said("b"), "b");
  assertEquals((await replica.deploy(rest, { prune: true })).deleted, ["@x/c", "b"]);
  const left = (await replica.parts.code.list()).map((each) => "row" in each && each.row.name);
  assertEquals(left, ["e", "d", "a"]);
});

test("deploy() with a namespace takes what has none, and what lies in its folder first", async (world) => {
  await using replica = await Replica.open(world);
  const files = {
    "a.ts": saying("a"),
    "b.ts": saying("b"),
    "@prod/b.ts": saying("b of prod"),
    "@dev/c.ts": saying("c of dev"),
  };
  const { created } = await replica.deploy(files, { namespace: "prod" });
  assertEquals(created.toSorted(), ["@prod/a", "@prod/b"]);
  assertEquals(await replica.said("b", "prod"), "b of prod");
  assertEquals(await replica.said("a"), undefined);
});

test("deploy() of some names takes those alone, shared modules with them", async (world) => {
  await using replica = await Replica.open(world);
  const files = {
    "_shared/text.ts": "export const text = 'shared';\n",
    "a.ts": `import { text } from "./_shared/text.ts";\nexport default () => new Response(text);\n`,
    "broken.ts": "export default (",
    "no name.ts": saying("x"),
    "twice.ts": saying("1"),
    "twice/index.ts": saying("2"),
  };
  assertEquals((await replica.deploy(files, { names: ["a"] })).created, ["a"]);
  assertEquals(await replica.said("a"), "shared");
  await refusal(replica.deploy(files, { names: ["nope"] }), "FUNCTION_NOT_FOUND");
  const message = await refusal(replica.deploy(files, { names: ["twice"] }), "DEPLOY_REFUSED");
  assertStringIncludes(message, "twice.ts: one function, several files");
});

test("deploy() brings npm packages and the deno.json of each function", async (world) => {
  await using replica = await Replica.open(world);
  await replica.deploy({
    "pad/deno.json":
      `{ "imports": { "pad": "npm:left-pad@1.3.0" }, "fluxbase": { "memoryMb": 128 } }`,
    "pad/index.ts":
      `import pad from "pad";\nexport default () => new Response(pad("7", 3, "0"));\n`,
  });
  assertEquals(await replica.said("pad"), "007");
  assertEquals((await replica.parts.code.find("pad", null))?.settings?.memoryMb, 128);
});

test("deploy() refuses broken code with its place, and changes nothing", async (world) => {
  await using replica = await Replica.open(world);
  await replica.deploy({ "hello.ts": saying("1") });
  const broken = {
    "hello.ts": saying("2"),
    "bad.ts": "export default () => {\n  return new\n};\n",
    "empty.ts": "export const x = 1;\n",
    "gone.ts": `import "./gone_module.ts";\nexport default () => 1;\n`,
  };
  const message = await refusal(replica.deploy(broken), "DEPLOY_REFUSED");
  assertStringIncludes(message, "bad.ts:3:1: ");
  assertStringIncludes(message, "empty.ts: no handler function found");
  assertStringIncludes(message, "gone.ts:1:8: ");
  assertEquals(await replica.said("hello"), "1");
  assertEquals((await replica.parts.reader.versions(admin, hello)).length, 1);
});

const REFUSED: [name: string, files: Record<string, string>, message: string][] = [
  ["nothing", {}, "There is no file"],
  ["no function", { "_shared/a.ts": saying("a") }, "There is no function"],
  ["a hidden file", { "a.ts": saying("a"), ".env": "A=1" }, ".env: is no path"],
  ["a way up", { "a.ts": saying("a"), "../b.ts": saying("b") }, "../b.ts: is no path"],
  ["an absolute path", { "/tmp/b.ts": saying("b") }, "/tmp/b.ts: is no path"],
  ["an odd path", { "a\\b.ts": saying("b") }, "a\\b.ts: is no path"],
  ["a file that is a folder", { "a": "x", "a/index.ts": saying("a") }, "is a file and a folder"],
  [
    "two files of one name",
    { "a.ts": saying("a"), "a/index.ts": saying("a") },
    "a.ts: one function",
  ],
  ["a bad name", { "a b.ts": saying("a") }, "a b.ts: the name must be"],
  [
    "settings of nobody",
    { "a.ts": saying("a"), "deno.json": `{ "fluxbase": { "functions": { "aa": {} } } }` },
    "deno.json: fluxbase.functions.aa is no function",
  ],
  [
    "wrong settings",
    { "a.ts": saying("a"), "deno.json": `{ "fluxbase": { "netwrok": [] } }` },
    "deno.json: fluxbase has an unknown key",
  ],
];

test("deploy() refuses what is no directory of functions", async (world) => {
  await using replica = await Replica.open(world);
  for (const [name, files, start] of REFUSED) {
    const message = await refusal(replica.deploy(files), "DEPLOY_REFUSED");
    assertStringIncludes(message, start, name);
  }
  assertEquals(await replica.parts.code.list(), []);
});

test("deploy() of changed settings alone is a new version", async (world) => {
  await using replica = await Replica.open(world);
  const config = (seconds: number) => `{ "fluxbase": { "timeoutSeconds": ${seconds} } }`;
  await replica.deploy({ "hello.ts": saying("1"), "deno.json": config(5) });
  const again = await replica.deploy({ "hello.ts": saying("1"), "deno.json": config(6) });
  assertEquals(again.updated, ["hello"]);
  assertEquals((await replica.parts.code.find("hello", null))?.settings?.timeoutMs, 6_000);
});

test("rollback() makes an earlier version's code and settings the newest version", async (world) => {
  await using replica = await Replica.open(world);
  await replica.deploy({
    "hello.ts": saying("1"),
    "deno.json": `{ "fluxbase": { "secrets": [] } }`,
  });
  await replica.deploy({ "hello.ts": saying("2") });
  const { row, version, settings } = await replica.parts.deployer.rollback(admin, hello, 1);
  assertEquals([row.version, version.restored, settings.secrets], [3, 1, []]);
  assertEquals(await replica.said("hello"), "1");
  const versions = await replica.parts.reader.versions(admin, hello);
  assertEquals(versions.map((each) => [each.version, each.restored]), [[3, 1], [2, null], [
    1,
    null,
  ]]);
  assert(versions.every((each) => each.createdBy === admin.id));
  await refusal(replica.parts.deployer.rollback(admin, hello, 9), "VERSION_NOT_FOUND");
});

test("delete() takes code away, and the name starts anew", async (world) => {
  await using replica = await Replica.open(world);
  await replica.deploy({ "hello.ts": saying("1") });
  await replica.parts.deployer.delete(admin, hello);
  assertEquals(await replica.said("hello"), undefined);
  await refusal(replica.parts.deployer.delete(admin, hello), "FUNCTION_NOT_FOUND");
  assertEquals((await replica.deploy({ "hello.ts": saying("1") })).created, ["hello"]);
  assertEquals((await replica.parts.reader.versions(admin, hello)).length, 1);
});

test("functions and jobs of one name don't know each other", async (world) => {
  await using functions = await Replica.open(world);
  await using jobs = await Replica.open(world, { kind: "job" });
  await functions.deploy({ "hello.ts": saying("function") });
  await jobs.deploy({
    "hello.ts": saying("job"),
    "deno.json": `{ "fluxbase": { "jobs": { "hello": {} } } }`,
  });
  assertEquals([await functions.said("hello"), await jobs.said("hello")], ["function", "job"]);
  await jobs.parts.deployer.delete(admin, hello);
  assertEquals([await functions.said("hello"), await jobs.said("hello")], ["function", undefined]);
});

function principal(...grants: Grant[]): Principal {
  return { id: "11111111-1111-4111-8111-111111111111", kind: "service_key", grants };
}

test("every act needs its grant for the namespace and the name, and is refused as a whole", async (world) => {
  await using replica = await Replica.open(world);
  const { deployer, reader } = replica.parts;
  const files = upload({ "a.ts": saying("a"), "@prod/b.ts": saying("b") });
  const narrow = principal({ actions: ["functions:deploy"], namespaces: ["prod"], names: ["*"] });
  await refusal(deployer.deploy(narrow, { files, namespace: null }), "ACCESS_DENIED");
  assertEquals(await replica.parts.code.list(), []);
  const names = { files, namespace: parseNamespace("prod") };
  assertEquals((await deployer.deploy(narrow, names)).created.length, 2);
  const nothing = principal({ actions: ["functions:invoke"], namespaces: ["*"], names: ["*"] });
  await refusal(deployer.deploy(nothing, { files, namespace: null }), "ACCESS_DENIED");
  const place = { name: "a", namespace: parseNamespace("prod") };
  await refusal(deployer.delete(narrow, place), "ACCESS_DENIED");
  await refusal(reader.find(narrow, place), "ACCESS_DENIED");
  const pruning = {
    files: upload({ "a.ts": saying("a") }),
    namespace: place.namespace,
    prune: true,
  };
  await refusal(deployer.deploy(narrow, pruning), "ACCESS_DENIED");
  assertEquals(await replica.said("b", "prod"), "b");
});

test("only a grant of everything opens the machine's and its cloud's addresses to code", async (world) => {
  await using replica = await Replica.open(world);
  const { deployer } = replica.parts;
  const deploy = (by: Principal, network: readonly string[]) => {
    const files = upload({
      "a.ts": saying(network.join()),
      "deno.json": JSON.stringify({ fluxbase: { network } }),
    });
    return deployer.deploy(by, { files, namespace: null });
  };
  const narrow = principal({ actions: ["functions:deploy"], namespaces: ["*"], names: ["*"] });
  const closed = ["169.254.169.254", "127.0.0.1:6379", "localhost", "[::1]:80", "0.0.0.0/0"];
  for (const address of closed) {
    await refusal(deploy(narrow, ["api.stripe.com", address]), "ACCESS_DENIED");
  }
  assertEquals((await deploy(narrow, ["api.stripe.com:443", "10.0.0.0/8"])).created, ["a"]);
  for (const address of closed) assertEquals((await deploy(admin, [address])).updated, ["a"]);
  // Nor is code put into what somebody else has opened.
  const files = upload({ "a.ts": saying("other") });
  const kept = (await replica.parts.code.list()).flatMap((each) => "row" in each ? [each] : []);
  const settings = () => kept[0]!.settings;
  await refusal(deployer.deploy(narrow, { files, namespace: null, settings }), "ACCESS_DENIED");
});

test("deployments at the same time come one after the other, each whole", async (world) => {
  await using a = await Replica.open(world, { freshMs: 0 });
  await using b = await Replica.open(world, { freshMs: 0 });
  await Promise.all([1, 2, 3].flatMap((n) => [
    a.deploy({ "x.ts": saying(`a${n}`), "y.ts": saying(`a${n}`) }),
    b.deploy({ "x.ts": saying(`b${n}`), "y.ts": saying(`b${n}`) }),
  ]));
  assertEquals(await a.said("x"), await a.said("y"));
  const versions = await a.parts.reader.versions(admin, { name: "x", namespace: null });
  assertEquals(versions.map(({ version }) => version), [6, 5, 4, 3, 2, 1]);
});
