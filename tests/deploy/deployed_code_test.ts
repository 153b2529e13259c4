import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { LayeredCode } from "../../lib/deploy/layered_code.ts";
import { CodeSource } from "../../lib/runtime/code/code_source.ts";
import { purgeDeployments } from "../../lib/store/deployments.ts";
import { Fixture } from "../runtime/code/fixture.ts";
import { admin, testOverDatabases } from "../support/world.ts";
import { Replica, saying } from "./fixture.ts";

const test = testOverDatabases();

async function failure(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, AppError)).code;
}

test("another replica serves what was deployed, from the database alone", async (world) => {
  await using one = await Replica.open(world);
  await using two = await Replica.open(world);
  await one.deploy({ "hello.ts": saying("1") });
  assertEquals(await two.said("hello"), "1");
  await one.deploy({ "hello.ts": saying("2") });
  // It was not told yet, and may look again by itself only after its time.
  assertEquals(await two.said("hello"), "1");
  two.parts.code.invalidate();
  assertEquals(await two.said("hello"), "2");
});

test("a replica that is told nothing finds a deployment when its time is over", async (world) => {
  await using one = await Replica.open(world);
  await using two = await Replica.open(world, { freshMs: 0 });
  for (const text of ["1", "2", "3"]) {
    await one.deploy({ "hello.ts": saying(text) });
    assertEquals(await two.said("hello"), text);
  }
});

test("code stays the same object while its neighbours change", async (world) => {
  await using replica = await Replica.open(world);
  await replica.deploy({ "a.ts": saying("a"), "b.ts": saying("1") });
  const [a, b] = [
    await replica.parts.code.find("a", null),
    await replica.parts.code.find("b", null),
  ];
  await replica.deploy({ "a.ts": saying("a"), "b.ts": saying("2") });
  assertEquals(await replica.said("b"), "2");
  assertStrictEquals(replica.parts.code.known("a", null), a);
  assert(replica.parts.code.known("b", null) !== b);
  assertStrictEquals(replica.parts.code.known("nope", null), null);
});

const swap = (table: string, column: string) =>
  `update functions.${table} t set ${column} = other.${column} from functions.${table} other
   where t.ctid <> other.ctid`;
const NO = "INTEGRITY_VIOLATION";
/** What was changed, and what a, @prod/a, b and c then answer. */
const TAMPERED: [what: string, sql: string, answers: (string | undefined)[]][] = [
  ["code", "update functions.code_blobs set code = '\\x31'", [NO, undefined, NO, undefined]],
  [
    "a pointer",
    "update functions.deployments set version = 1 where name = 'a'",
    [NO, undefined, "b 1", undefined],
  ],
  [
    "a pointer, to nothing",
    "update functions.deployments set version = 7 where name = 'a'",
    [NO, undefined, "b 1", undefined],
  ],
  [
    "a name",
    "update functions.deployments set name = 'c' where name = 'a'",
    [undefined, undefined, "b 1", NO],
  ],
  [
    "a namespace",
    "update functions.deployments set namespace = 'prod' where name = 'a'",
    [undefined, NO, "b 1", undefined],
  ],
  [
    "an author",
    "update functions.deployments set updated_by = 'me'",
    [NO, undefined, NO, undefined],
  ],
  [
    "settings",
    `update functions.deployment_versions
     set settings = replace(settings, '"anonymous":false', '"anonymous":true')`,
    [NO, undefined, NO, undefined],
  ],
  ["hashes", swap("deployment_versions", "hash"), [NO, undefined, NO, undefined]],
  ["versions' MACs", swap("deployment_versions", "mac"), [NO, undefined, NO, undefined]],
  ["rows' MACs", swap("deployments", "mac"), [NO, undefined, NO, undefined]],
];

const TABLES = ["code_blobs", "deployments", "deployment_versions"];

test(
  "what was changed in the database is refused, and the rest served",
  async (world, _kind, t) => {
    const { sql } = world.database;
    await using writer = await Replica.open(world);
    await writer.deploy({ "a.ts": saying("a 1"), "b.ts": saying("b 1") });
    await writer.deploy({ "a.ts": saying("a 2"), "b.ts": saying("b 1") });
    const save = TABLES.map((name) => `create table public.${name} as table functions.${name};`);
    const restore = TABLES.map((name) =>
      `insert into functions.${name} select * from public.${name};`
    );
    await sql.script(save.join("\n"));
    for (const [what, change, expected] of TAMPERED) {
      await t.step(what, async () => {
        await using reader = await Replica.open(world);
        await sql.script(change);
        const places = [["a", null], ["a", "prod"], ["b", null], ["c", null]] as const;
        const answers = await Promise.all(
          places.map(([name, place]) => reader.said(name, place).catch(({ code }) => code)),
        );
        assertEquals(answers, expected);
        const empty = `truncate ${TABLES.map((name) => `functions.${name}`).join(", ")};`;
        await sql.script([empty, ...restore].join("\n"));
      });
    }
    await sql.script(`drop table ${TABLES.map((name) => `public.${name}`).join(", ")}`);
  },
);

test("code on disk that was changed is read from the database again", async (world) => {
  await using writer = await Replica.open(world);
  await using reader = await Replica.open(world);
  await writer.deploy({ "a.ts": saying("true") });
  assertEquals(await reader.said("a"), "true");
  const folder = `${reader.directory}/function`;
  const [file] = await Array.fromAsync(Deno.readDir(folder));
  await Deno.writeTextFile(`${folder}/${file!.name}`, saying("false"));
  await writer.deploy({ "a.ts": saying("other") });
  reader.parts.code.invalidate();
  assertEquals(await reader.said("a"), "other");
  await writer.parts.deployer.rollback(admin, { name: "a", namespace: null }, 1);
  reader.parts.code.invalidate();
  assertEquals(await reader.said("a"), "true");
});

test("damaged code is mended by deploying it again, tampered rows by deleting them", async (world) => {
  await using replica = await Replica.open(world);
  const { sql } = world.database;
  await replica.deploy({ "a.ts": saying("a") });
  await sql`update functions.code_blobs set code = 'x'::bytea`;
  await using other = await Replica.open(world);
  assertEquals(await failure(other.said("a")), "INTEGRITY_VIOLATION");
  assertEquals((await replica.deploy({ "a.ts": saying("a") })).unchanged, ["a"]);
  assertEquals(await other.said("a"), "a");
  await sql`update functions.deployments set updated_by = 'me'`;
  assertEquals(await failure(replica.deploy({ "a.ts": saying("b") })), "INTEGRITY_VIOLATION");
  await replica.parts.deployer.delete(admin, { name: "a", namespace: null });
  assertEquals((await replica.deploy({ "a.ts": saying("b") })).created, ["a"]);
});

test("purgeDeployments() removes what was deleted long ago and code that nothing needs", async (world) => {
  await using replica = await Replica.open(world);
  const { sql } = world.database;
  const store = { sql, set: world.deployments };
  await replica.deploy({ "a.ts": saying("a"), "b.ts": saying("b") });
  await replica.parts.deployer.delete(admin, { name: "a", namespace: null });
  assertEquals(await purgeDeployments(store, new Date(0)), 0);
  assertEquals(await purgeDeployments(store, new Date(Date.now() + 1_000)), 2);
  assertEquals((await sql`select 1 as one from functions.code_blobs`).length, 1);
  assertEquals(await replica.said("b"), "b");
  const future = new Date(Date.now() + 60_000);
  assertEquals(await replica.parts.sweep(future), 1);
  replica.parts.code.invalidate();
  assertEquals(await replica.said("b"), "b");
});

test("deployed code wins over a file of its name, until it is deleted", async (world) => {
  await using replica = await Replica.open(world);
  await using fixture = await Fixture.with({ "hello.ts": saying("file"), "own.ts": saying("own") });
  const directory = new CodeSource(fixture.options);
  const layered = new LayeredCode(replica.parts.code, directory);
  const hashOf = async (name: string) => (await layered.get(name, null)).hash;
  try {
    const file = await hashOf("hello");
    assertEquals(layered.peek("hello", null)?.hash, file);
    await replica.deploy({ "hello.ts": saying("deployed") });
    assertEquals(layered.peek("hello", null), undefined);
    const deployed = await hashOf("hello");
    assert(deployed !== file);
    assertEquals(layered.peek("hello", null)?.hash, deployed);
    assertEquals(typeof await hashOf("own"), "string");
    await replica.parts.deployer.delete(admin, { name: "hello", namespace: null });
    assertEquals(await hashOf("hello"), file);
  } finally {
    await directory.close();
  }
});

test("isAnonymous() says yes only for code that says so", async (world) => {
  await using replica = await Replica.open(world);
  await using fixture = await Fixture.with({
    "open/deno.json": `{ "fluxbase": { "anonymous": true } }`,
    "open/index.ts": saying("open"),
    "shut.ts": saying("shut"),
    "broken/deno.json": `{ "fluxbase": { "anonymous": true } }`,
    "broken/index.ts": "export default (",
  });
  const directory = new CodeSource(fixture.options);
  const layered = new LayeredCode(replica.parts.code, directory);
  try {
    const asked = ["open", "shut", "broken", "nope", "../x"];
    const answers = await Promise.all(asked.map((name) => layered.isAnonymous(name, null)));
    assertEquals(answers, [true, false, false, false, false]);
    await replica.deploy({ "open.ts": saying("deployed") });
    assertEquals(await layered.isAnonymous("open", null), false);
  } finally {
    await directory.close();
  }
});
