import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { purgeRecords } from "../../lib/store/audit_list.ts";
import { good, testCli } from "../support/cli_world.ts";

testCli("audit list, tail and export show who did what, and never a value", async (run) => {
  const set = (value: string) =>
    good(run, ["secrets", "set", "KEY", value, "--namespace", "production"]);
  await set("canary-1");
  await set("canary-2");
  const listed = await good(run, ["audit", "list", "--name", "KEY"]);
  assertMatch(listed, /secret\.update +done +\S+ +\S+ +production\/KEY +2 +1/);
  assertEquals(listed.trimEnd().split("\n").length, 3);
  const wrong = await run(["audit", "list", "--outcome", "refused"]);
  assertEquals([wrong.code, wrong.err], [2, "Error: outcome must be one of: done, denied\n"]);
  const tail = await good(run, ["audit", "tail", "--name", "KEY", "--lines", "1"]);
  assertStringIncludes(tail, "secret.update");
  const directory = await Deno.makeTempDir();
  try {
    const here = { cwd: directory };
    await good(run, ["audit", "export", "--file", "audit.jsonl"], here);
    const text = await Deno.readTextFile(`${directory}/audit.jsonl`);
    const records = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    const own = records.filter(({ name }) => name === "KEY");
    assertEquals(own.map(({ first_revision }) => first_revision), [2, 1]);
    assertMatch(own[0].mac, /^[0-9a-f]{80}$/);
    assertEquals((listed + tail + text).includes("canary"), false);
    assertEquals((await run(["audit", "export", "--file", "audit.jsonl"], here)).code, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testCli("audit verify finds what was removed", async (run, _api, world) => {
  const { sql } = world.database;
  for (const value of ["a", "b", "c"]) await good(run, ["secrets", "set", "KEY", value]);
  assertMatch(await good(run, ["audit", "verify"]), /^All \d+ records are there/);
  await sql`delete from app.audit where stream is null and first_revision = 2`;
  const { code, err } = await run(["audit", "verify"]);
  assertEquals(code, 1);
  assertStringIncludes(err, "Record 2 of the global scope is missing");
  await good(run, ["verify", "--accept", "@audit"]);
  await good(run, ["audit", "verify"]);
});

testCli("audit verify tells where its streams begin", async (run, _api, world) => {
  const { database: { sql }, ring } = world;
  const set = (value: string) => good(run, ["secrets", "set", "KEY", value]);
  for (const value of ["a", "b"]) await set(value);
  const whole = await good(run, ["audit", "verify"]);
  assertMatch(whole, /^All \d+ records .*\nEvery stream begins at its first revision\.\n$/);
  await purgeRecords(sql, ring, new Date(Date.now() + 60_000));
  await good(run, ["secrets", "set", "OTHER", "c", "--namespace", "fresh"]);
  await set("c");
  const shown = await good(run, ["audit", "verify"]);
  assertMatch(
    shown,
    /Records are kept from later than the first revision on in:\nSTREAM +FROM REV/,
  );
  assertMatch(shown, /\n@global +3 +2\S+Z\n/);
  assertMatch(shown, /\n@service_keys +\d+ +-\n/);
  assert(!shown.includes("fresh"), shown);
  const { streams } = JSON.parse(await good(run, ["audit", "verify", "-o", "json"]));
  const starts = new Map<string | null, { revision: number; at: string | null }>();
  for (const { stream, ...start } of streams) starts.set(stream, start);
  const [record] = JSON.parse(await good(run, ["audit", "list", "--name", "KEY", "-o", "json"]));
  assertEquals(starts.get(null), { revision: record.first_revision, at: record.at });
  assertEquals(starts.get("fresh")?.revision, 1);

  // What is not as it was written is no start, and still a problem.
  await sql`update app.audit_floors set revision = 2 where stream is null`;
  const { code, out, err } = await run(["audit", "verify"]);
  assertEquals([code, out.includes("@global")], [1, false]);
  assertStringIncludes(err, "Floor of the global scope is not as it was written");
});
