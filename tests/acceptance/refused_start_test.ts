import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { ROOT } from "../support/cli.ts";
import { run } from "../support/shared.ts";
import { refusal, ServerProcess, type StartOptions, withServer } from "../support/server.ts";
import { type Site, testOnSites, withSite } from "../support/site.ts";

const SHOW = `export default () => new Response(secrets.get("KEPT"));`;

/** Starts a server that sets a secret, and ends it. */
async function prepare(site: Site): Promise<void> {
  await site.write("show.js", SHOW);
  await withServer(site, (server) => server.set("KEPT", "a kept value"));
}

async function assertServes(site: Site, options: StartOptions = {}): Promise<void> {
  await withServer(site, async (server) => {
    assertEquals((await server.call("show")).text, "a kept value");
  }, options);
}

async function assertRefuses(site: Site, why: RegExp, options: StartOptions = {}): Promise<string> {
  const { code, out, err } = await refusal(site, options);
  assertEquals([code, out], [1, ""], err);
  assertMatch(err, why);
  // The last line is for a person, and there is no stack.
  assertMatch(err, /(?:^|\n)Error: .+\n$/);
  assertNotMatch(err, /\n +at /);
  return err;
}

Deno.test("a second server on one data directory is refused, and the first goes on", async () => {
  await withSite("embedded", async (site) => {
    await prepare(site);
    await withServer(site, async (first) => {
      await assertRefuses(site, /in use by process \d+; stop it or set FLUXBASE_DATA_DIR/);
      assertEquals((await first.call("show")).text, "a kept value");
    });
    await assertServes(site);
  });
});

Deno.test("a data directory whose server was killed is free at once", async () => {
  await withSite("embedded", async (site) => {
    await prepare(site);
    const server = await ServerProcess.start(site);
    await server.end("SIGKILL");
    await assertServes(site);
  });
});

testOnSites("a wrong root key is refused with the ids of both", async (site) => {
  await prepare(site);
  const file = `${site.dataDir}/root.key`;
  const right = site.env["FLUXBASE_ENCRYPTION_KEY"] ?? (await Deno.readTextFile(file)).trim();
  const { text: wrong } = generateRootKey();
  const ids = [right, wrong].map((text) => parseRootKeys(text)[0]!.id);
  const given = (FLUXBASE_ENCRYPTION_KEY: string) => ({ env: { FLUXBASE_ENCRYPTION_KEY } });
  const said = await assertRefuses(site, /root key/i, given(wrong));
  for (const id of ids) assert(said.includes(id), `${said} tells ${id}`);
  assertMatch(said, /\. Give the root key whose id the message names\.\n$/);
  assert(!said.includes(wrong) && !said.includes(right));
  await assertRefuses(site, /Root key 1 must be 32 random bytes/, given("too short"));
  await assertServes(site, given(right));
  // A new key in front seals from now on; the old one behind it still opens.
  await assertServes(site, given(`${wrong},${right}`));
});

Deno.test("a database without its root.key is refused until the file is back", async () => {
  await withSite("embedded", async (site) => {
    await prepare(site);
    const file = `${site.dataDir}/root.key`;
    const text = await Deno.readTextFile(file);
    await Deno.remove(file);
    const said = await assertRefuses(site, /root\.key is missing/);
    assert(said.includes(parseRootKeys(text)[0]!.id));
    assertEquals(await Deno.stat(file).catch(() => "none"), "none", "no other key was made");
    await Deno.writeTextFile(file, text, { mode: 0o644 });
    await Deno.chmod(file, 0o644);
    await assertRefuses(site, /root\.key is open to others/);
    await Deno.chmod(file, 0o600);
    await assertServes(site);
  });
});

Deno.test("a setting that is wrong is refused by name", async () => {
  await withSite("postgres", async (site) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const changed = (change: (url: URL) => void) => {
      const url = new URL(site.databaseUrl!);
      change(url);
      return url.href;
    };
    const user = (text: string) => changed((url) => url.username = text);
    const database = (text: string) => changed((url) => url.pathname = text);
    const port = (text: string) => changed((url) => url.port = text);
    const settings: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ FLUXBASE_PROT: "1" }, /FLUXBASE_PROT/],
      [{ FLUXBASE_PORT: "eighty" }, /FLUXBASE_PORT/],
      [{ FLUXBASE_PORT: `${taken.addr.port}` }, /Port \d+ is in use/],
      [{ FLUXBASE_HOST: "192.0.2.1" }, /FLUXBASE_HOST must be an address of this machine/],
      [{ DATABASE_URL: user("nobody-here") }, /refuses the user or password of DATABASE_URL/],
      [{ DATABASE_URL: database("none") }, /that DATABASE_URL names does not exist/],
      [{ DATABASE_URL: port("1") }, /The database cannot be reached \(ECONNREFUSED\)/],
      [{ FLUXBASE_ENCRYPTION_KEY: "" }, /FLUXBASE_ENCRYPTION_KEY.*must be set with DATABASE_URL/],
      [{ DATABASE_URL: "mysql://x@localhost/y" }, /DATABASE_URL/],
      [{ FLUXBASE_DATA_DIR: `${site.directory}/a,b` }, /FLUXBASE_DATA_DIR must not have a comma/],
    ];
    for (const [env, why] of settings) {
      const said = await assertRefuses(site, why, { env });
      assertNotMatch(said, /WARN/, "what didn't begin has nothing to warn of");
    }
  });
});

Deno.test("a project in a directory with spaces and marks in its name serves functions", async () => {
  await withSite("postgres", async (site) => {
    await prepare(site);
    const project = `${site.directory}/my project (50% é)/`;
    await Deno.mkdir(project);
    for (const part of ["lib", "migrations", "main.ts", "deno.json", "deno.lock"]) {
      await run("cp", "-R", `${ROOT}${part}`, project);
    }
    await assertServes(site, { project });
  });
});
