import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { good, testCli } from "../support/cli_world.ts";

testCli("verify says what was looked at, and what is wrong", async (run, _api, world) => {
  const { sql } = world.database;
  await good(run, ["secrets", "set", "KEY", "canary-value", "--namespace", "production"]);
  assertMatch(
    await good(run, ["verify"]),
    /^secrets +1 +0$[^]*\nEverything is as it was written\.\n$/m,
  );
  await sql`update functions.secrets set expires_at = '2999-01-01'`;
  const { code, out, err } = await run(["verify"]);
  assertEquals(code, 1);
  assertMatch(out, /^secrets +1 +2$/m);
  assertStringIncludes(err, 'Row of secret KEY in namespace "production" is not as it was written');
  assertStringIncludes(err, "2 problems");
  assertEquals((out + err).includes("canary"), false);
  const json = await run(["verify", "-o", "json"]);
  assertEquals([json.code, JSON.parse(json.out).problems.length], [1, 2]);
});

testCli("verify --accept opens a namespace again", async (run, api, world) => {
  const { sql } = world.database;
  for (const name of ["KEPT", "REMOVED"]) {
    await good(run, ["secrets", "set", name, "value-1", "--namespace", "production"]);
  }
  await sql`delete from functions.secrets where name = 'REMOVED'`;
  assertEquals((await run(["verify"])).code, 1);
  const accepted = await good(run, ["verify", "--accept", "production"]);
  assertEquals(accepted, "Accepted 1 rows of production; discarded 0.\n");
  await good(run, ["verify"]);
  assertEquals(await api.reveal("KEPT", "production"), "value-1");
  const reader = await api.issue([{ actions: ["secrets:read"], namespaces: ["*"], names: ["*"] }]);
  const refused = await run(["verify"], { env: { FLUXBASE_TOKEN: reader } });
  assertEquals(refused.code, 3);
});

testCli("verify --anchor finds what nothing inside tells", async (run, _api, world) => {
  const { sql } = world.database;
  const directory = await Deno.makeTempDir();
  try {
    const file = `${directory}/anchor.json`;
    const here = { cwd: directory };
    await good(run, ["secrets", "set", "KEY", "value-1"]);
    await sql.script(`create table functions.old as select * from functions.heads;
      create table functions.old_secrets as select * from functions.secrets`);
    await good(run, ["secrets", "set", "KEY", "value-2"]);
    const first = await good(run, ["verify", "--anchor", "anchor.json"], here);
    assertMatch(first, /The anchor is made: keep it on another machine\.\n$/);
    const noted = await Deno.readTextFile(file);
    const second = await good(run, ["verify", "--anchor", "anchor.json"], here);
    assertMatch(second, /nothing is older than the anchor, which is noted anew\.\n$/);
    await sql.script(`update functions.heads h set revision = o.revision,
        live_digest = o.live_digest, deleted_digest = o.deleted_digest, mac = o.mac
        from functions.old o where o.namespace is null and h.namespace is null;
      delete from functions.secret_versions where version = 2;
      update functions.secrets s set version = 1, mac = o.mac, updated_at = o.updated_at
        from functions.old_secrets o where o.id = s.id;
      drop table functions.old; drop table functions.old_secrets`);
    const { code, err } = await run(["verify", "--anchor", "anchor.json"], here);
    assertEquals(code, 1);
    assertStringIncludes(err, "anchor: @global was at revision 2 and is back at 1");
    const kept = JSON.parse(await Deno.readTextFile(file));
    assertEquals(kept.heads, JSON.parse(noted).heads);
    assertEquals((await run(["verify", "--anchor", "no/such"], here)).code, 1);
    await Deno.writeTextFile(file, "{}");
    assertEquals((await run(["verify", "--anchor", "anchor.json"], here)).code, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testCli("deleted secrets are listed, restored and removed for good", async (run, api) => {
  await good(run, ["secrets", "set", "KEY", "value-1"]);
  await good(run, ["secrets", "delete", "KEY"]);
  assertMatch(await good(run, ["secrets", "list", "--deleted"]), /^KEY +global +- +1 +2/m);
  assertMatch(await good(run, ["secrets", "restore", "KEY"]), /^Secret 'KEY' restored/);
  assertEquals(await api.reveal("KEY"), "value-1");
  await good(run, ["secrets", "delete", "KEY"]);
  await good(run, ["secrets", "set", "KEY", "value-2"]);
  assertEquals((await run(["secrets", "restore", "KEY"])).code, 5);
  await good(run, ["secrets", "restore", "KEY", "--as-version"]);
  assertEquals(await api.reveal("KEY"), "value-1");
  assertEquals(
    await good(run, ["secrets", "delete", "KEY", "--purge"]),
    "Secret 'KEY' removed for good.\n",
  );
  assertEquals(await good(run, ["secrets", "list", "--deleted", "-o", "json"]), "[]\n");
  assertEquals((await run(["secrets", "restore", "KEY"])).code, 4);
});

testCli("secrets restore --at makes a namespace what it was", async (run, api) => {
  const at = ["--namespace", "production"];
  await good(run, ["secrets", "set", "KEY", "value-1", ...at]);
  await good(run, ["secrets", "set", "GONE", "value-1", ...at]);
  const made = JSON.parse(await good(run, ["secrets", "get", "GONE", ...at, "-o", "json"]));
  const moment = new Date(Date.parse(made.created_at)).toISOString();
  await good(run, ["secrets", "set", "KEY", "value-2", ...at]);
  await good(run, ["secrets", "delete", "GONE", ...at]);
  await good(run, ["secrets", "set", "NEW", "value-1", ...at]);
  const restore = ["secrets", "restore", "--at", moment, ...at];
  const would = await good(run, [...restore, "--dry-run"]);
  for (
    const line of [/^GONE +restore +1 +-$/m, /^KEY +rollback +3 +version 1$/m, /^NEW +delete/m]
  ) {
    assertMatch(would, line);
  }
  assertEquals(await api.reveal("KEY", "production"), "value-2");
  await good(run, restore);
  for (const [name, value] of [["KEY", "value-1"], ["GONE", "value-1"], ["NEW", undefined]]) {
    assertEquals(await api.reveal(name!, "production"), value);
  }
  const wrong = [
    ["secrets", "restore"],
    ["secrets", "restore", "KEY", "--at", moment, "--global"],
    ["secrets", "restore", "--at", moment],
    ["secrets", "restore", "--at", moment, "--global", ...at],
    ["secrets", "restore", "--at", "yesterday", "--global"],
    ["secrets", "restore", "KEY", "--dry-run"],
    ["verify", "--discard-damaged"],
    ["verify", "--accept", "production", "--anchor", "x"],
  ];
  for (const words of wrong) assertEquals((await run(words)).code, 2, words.join(" "));
  const { err } = await run(["secrets", "restore", "--at", "yesterday", "--global"]);
  assertMatch(err, /^Error: --at is not understood; it takes /);
});
