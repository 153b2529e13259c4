import { assert, assertEquals, assertMatch } from "@std/assert";
import { decryptWith } from "../../lib/backup/cipher.ts";
import { BackupReader } from "../../lib/backup/lines.ts";
import { runCli } from "../support/cli.ts";
import { FLUXBASE_KEY, FLUXBASE_USER, withFluxbase } from "../support/fluxbase_database.ts";
import { ServerProcess } from "../support/server.ts";
import { withSite } from "../support/site.ts";

const CANARY = "canary-7d1f";
const ECHO = `export default () => Response.json({
  a: secrets.get("ALPHA"), b: Deno.env.get("FLUXBASE_SECRET_BETA"), s: secrets.get("mail.password"),
});`;

/** Types a command line in a directory, for a server. */
function typed(server: ServerProcess, cwd: string) {
  return (words: readonly string[], stdin = "") => {
    const env = { FLUXBASE_SERVER: server.url, FLUXBASE_TOKEN: server.adminKey };
    return runCli(words, { cwd, env, stdin });
  };
}

Deno.test("backup create, verify and restore move a server to another database and root", async () => {
  await withSite("embedded", async (oldSite) => {
    await oldSite.write("echo.ts", ECHO);
    const old = await ServerProcess.start(oldSite);
    const here = oldSite.directory;
    const passphrase = `${CANARY}-passphrase`;
    await Deno.writeTextFile(`${here}/pass`, `${passphrase}\n`);
    const secretOf = ["--passphrase-file", "pass"];
    try {
      for (const value of ["one", "two"]) await old.set("ALPHA", `${CANARY}-${value}`);
      await old.set("BETA", `${CANARY}-beta`);
      const setting = { key: "mail.password", value: `${CANARY}-mail` };
      await old.ask("POST", "/api/v1/admin/settings/custom/secret", { json: setting });
      await oldSite.write("../jobs/nightly.ts", "export default () => {};");
      const schedule = [
        "jobs",
        "schedule",
        "set",
        "nightly",
        "0 3 * * *",
        "--timezone",
        "Asia/Tokyo",
      ];
      assertEquals((await typed(old, here)(schedule)).code, 0);
      const made = await typed(old, here)(["backup", "create", "all.backup", ...secretOf]);
      assertEquals([made.code, made.err], [0, ""]);
      const again = await typed(old, here)(["backup", "create", "all.backup", ...secretOf]);
      assertEquals([again.code, again.err.includes("there already")], [2, true]);
    } finally {
      const { out, err } = await old.end();
      assert(!(out + err).includes(CANARY));
    }
    const text = new TextDecoder("latin1").decode(await Deno.readFile(`${here}/all.backup`));
    assert(text.startsWith("age-encryption.org/v1") && !text.includes(CANARY));

    const verified = await runCli(["backup", "verify", "all.backup", ...secretOf], { cwd: here });
    assertMatch(verified.out, /secrets 2, versions 3, settings 1.*schedules 1$/m);
    await withSite("postgres", async (site) => {
      await site.write("echo.ts", ECHO);
      const server = await ServerProcess.start(site);
      const cli = typed(server, here);
      try {
        const before = JSON.parse((await server.call("echo")).text);
        assertEquals(before, {});
        const wrong = await cli(
          ["backup", "restore", "all.backup", "--passphrase-file", "-"],
          "no",
        );
        assertEquals([wrong.code, wrong.err.includes("refused")], [2, true]);
        const done = await cli(["backup", "restore", "all.backup", ...secretOf]);
        assertEquals([done.code, done.out.includes("versions 3")], [0, true]);
        const after = JSON.parse((await server.call("echo")).text);
        const value = (what: string) => `${CANARY}-${what}`;
        assertEquals(after, { a: value("two"), b: value("beta"), s: value("mail") });
        const scheduled = await cli(["jobs", "schedule", "list"]);
        assertMatch(scheduled.out, /nightly.*0 3 \* \* \*.*Asia\/Tokyo/);
        const back = await cli(["secrets", "rollback", "ALPHA", "1"]);
        assertEquals(back.code, 0);
        assertEquals(JSON.parse((await server.call("echo")).text).a, value("one"));
        const checked = await cli(["verify"]);
        assertEquals([checked.code, checked.err], [0, checked.err]);
        const full = await cli(["backup", "restore", "all.backup", ...secretOf]);
        assertEquals(full.code, 5);
      } finally {
        const { out, err } = await server.end();
        assert(!(out + err).includes(CANARY));
      }
    });
  });
});

Deno.test("migrate from-fluxbase brings secrets, history and users' settings", async () => {
  const past = new Date("2025-02-01T00:00:00Z");
  const value = (what: string) => `${CANARY}-${what}`;
  const secrets = [
    { name: "ALPHA", values: [value("one"), value("two"), value("three")] },
    { name: "beta", namespace: "production", values: [value("beta")] },
    { name: "Alpha", values: [value("other case")] },
    { name: "OLD", values: [value("old")], expiresAt: past },
    { name: "my-key", values: [value("dash")] },
    { name: "BROKEN", values: [value("broken")], broken: true },
    { name: "TAKEN", values: [value("theirs")] },
    { name: "EMPTIED", values: [value("was"), ""] },
  ];
  const settings = [
    { key: "mail.password", value: value("system") },
    { key: "mail.password", userId: FLUXBASE_USER, value: value("user") },
  ];
  await withFluxbase(secrets, settings, async (url) => {
    await withSite("embedded", async (site) => {
      await site.write("echo.ts", `export default () => new Response(secrets.get("ALPHA"));`);
      const server = await ServerProcess.start(site);
      const here = site.directory;
      const cli = typed(server, here);
      await Deno.writeTextFile(`${here}/key`, `${FLUXBASE_KEY}\n`);
      const words = ["migrate", "from-fluxbase", "--source-url-file", "-", "--source-key-file"];
      const list = async () => JSON.parse((await server.ask("GET", "/api/v1/secrets")).text);
      try {
        await server.set("TAKEN", value("ours"));
        for (
          const [flag, source, want] of [
            ["--source-url-file", "mysql://a@b/c", /^Error: --source-url-file must begin with/],
            ["--source-url", url.replace(/[^/]*$/, "nowhere"), /--source-url names does not exist/],
          ] as const
        ) {
          const given = flag === "--source-url" ? [flag, source] : [flag, "-"];
          const line = ["migrate", "from-fluxbase", ...given, "--source-key-file", "key"];
          const { code, err } = await cli(line, source);
          assertEquals(code === 0, false);
          assertMatch(err, want);
          assert(!err.includes("DATABASE_URL") && !err.includes(source), err);
        }
        const dry = await cli([...words, "key", "--dry-run"], url);
        assertEquals([dry.code, dry.err], [0, ""]);
        assertMatch(dry.out, /Would come over: 3 secrets with 5 versions, 2 settings/);
        assertEquals((await list()).length, 1);

        const done = await cli([...words, "key", "--rename"], url);
        assertEquals([done.code, done.err], [0, ""]);
        assertMatch(done.out, /Came over: 4 secrets with 6 versions, 2 settings/);
        for (
          const line of [
            "secret beta in namespace production is now BETA",
            "secret Alpha: another one is called ALPHA here",
            "secret my-key is now MY_KEY",
            "Expired, and so not served:\n  secret OLD",
            "secret TAKEN",
            "secret BROKEN: its value can't be decrypted",
            "secret EMPTIED: ",
          ]
        ) assert(done.out.includes(line), `${line}\n${done.out}`);
        assert(!(done.out + dry.out).includes(CANARY));

        const history = await server.ask("GET", "/api/v1/secrets/by-name/ALPHA/versions");
        const versions = JSON.parse(history.text) as { version: number; created_at: string }[];
        assertEquals(versions.map(({ version }) => version), [3, 2, 1]);
        assertEquals(versions.at(-1)!.created_at, "2025-01-01T00:00:00.000Z");
        assertEquals((await server.call("echo")).text, value("three"));
        assertEquals((await cli(["secrets", "rollback", "ALPHA", "1"])).code, 0);
        assertEquals((await server.call("echo")).text, value("one"));
        assertEquals(await settingsOf(cli, here), [
          [null, value("system")],
          [FLUXBASE_USER.toLowerCase(), value("user")],
        ]);
        assertEquals((await cli(["verify"])).code, 0);

        const second = await cli([...words, "key", "--rename"], url);
        assertMatch(second.out, /Came over: 0 secrets with 0 versions, 0 settings/);
      } finally {
        const { out, err } = await server.end();
        assert(!(out + err).includes(CANARY));
      }
    });
  });
});

/** The settings of a server, opened: only a backup holds values. */
async function settingsOf(cli: ReturnType<typeof typed>, directory: string): Promise<unknown[]> {
  const passphrase = "correct horse battery";
  const words = ["backup", "create", "look.backup", "--passphrase-file", "-"];
  assertEquals((await cli(words, passphrase)).code, 0);
  const { readable } = await Deno.open(`${directory}/look.backup`);
  const reader = new BackupReader(await decryptWith({ passphrase }, readable));
  const settings: [string | null, string][] = [];
  for await (const batch of reader.batches()) {
    for (const { kind, data } of batch) {
      if (kind === "setting") settings.push([data.user_id, data.value]);
    }
  }
  return settings.sort(([a], [b]) => (a ?? "") < (b ?? "") ? -1 : 1);
}
