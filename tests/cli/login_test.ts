import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "yaml";
import { good, type Run, testCli } from "../support/cli_world.ts";

/** Where a person's home is, and a command line that is run by that person. */
interface Home {
  readonly path: string;
  readonly config: string;
  readonly run: Run;
}

/** A home of its own, whose owner has set nothing in the environment. */
async function withHome(run: Run, work: (home: Home) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "fx-home" });
  const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const env = {
    HOME: path,
    DENO_DIR: denoDir,
    FLUXBASE_CONFIG: "",
    FLUXBASE_SERVER: "",
    FLUXBASE_TOKEN: "",
    // No admin key lies about, and no keyring unless a test puts one here.
    FLUXBASE_DATA_DIR: `${path}/none`,
    PATH: `${path}/bin:${Deno.env.get("PATH")}`,
  };
  try {
    await work({
      path,
      config: `${path}/.fluxbase/config.yaml`,
      run: (words, options) => run(words, { ...options, env: { ...env, ...options?.env } }),
    });
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

async function modeOf(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode! & 0o777).toString(8);
}

testCli("login keeps a key that works, and logout forgets it", async (run, api) => {
  await withHome(run, async (home) => {
    assertEquals((await home.run(["secrets", "list", "--server", api.server])).code, 3);
    const words = ["login", "--server", api.server, "--no-keyring"];
    const wrong = await home.run(words, { stdin: `${api.adminKey.slice(0, -1)}_\n` });
    assertEquals(wrong.code, 3);
    assertEquals(await Deno.stat(home.config).then(() => true, () => false), false);
    const { out, err, code } = await home.run(words, { stdin: `${api.adminKey}\n` });
    assertEquals(code, 0, err);
    assertMatch(out, /^Logged in to http:\/\/127\.0\.0\.1:\d+ as [0-9a-f-]{36}\.\n$/);
    assert(!(out + err).includes(api.adminKey));
    assertEquals([await modeOf(home.config), await modeOf(`${home.path}/.fluxbase`)], [
      "600",
      "700",
    ]);
    await good(home.run, ["secrets", "set", "A", "value-1"]);
    await good(home.run, ["whoami"]);
    assertMatch(await good(home.run, ["logout"]), /^Logged out of http/);
    assert(!(await Deno.readTextFile(home.config)).includes("fxsk_"));
    assertEquals((await home.run(["secrets", "list"])).code, 3);
    assertEquals((await home.run(["logout"])).code, 0);
  });
});

testCli(
  "profiles are chosen by -p, FLUXBASE_PROFILE or use, and a key goes to its server only",
  async (run, api) => {
    const reader = await api.issue([{
      actions: ["secrets:list"],
      namespaces: ["*"],
      names: ["*"],
    }]);
    await withHome(run, async (home) => {
      const login = (name: string, key: string) =>
        good(home.run, ["login", "-p", name, "--server", api.server, "--no-keyring"], {
          stdin: key,
        });
      await login("prod", api.adminKey);
      await login("ro", reader);
      const may = async (words: string[], env = {}) =>
        (await home.run(["secrets", "set", "A", "value-1", ...words], { env })).code;
      assertEquals([await may([]), await may(["-p", "prod"])], [3, 0]);
      assertEquals(await may([], { FLUXBASE_PROFILE: "prod" }), 0);
      assertEquals(await may(["-p", "ro"], { FLUXBASE_PROFILE: "prod" }), 3);
      await good(home.run, ["profiles", "use", "prod"]);
      assertEquals(await may([]), 0);
      const elsewhere = await home.run(["secrets", "list", "--server", "http://127.0.0.1:9"]);
      assertEquals(elsewhere.err.split("\n")[0], "Error: No key for http://127.0.0.1:9");
      const here = await home.run(["secrets", "list"], { env: { FLUXBASE_PORT: "9" } });
      assertEquals(here.err.split("\n")[0], "Error: No key for http://127.0.0.1:9");
      const rows = JSON.parse(await good(home.run, ["profiles", "list", "-o", "json"]));
      assertEquals(rows.map((row: Record<string, unknown>) => [row.name, row.current, row.key]), [
        ["prod", true, "file"],
        ["ro", false, "file"],
      ]);
      await good(home.run, ["profiles", "delete", "prod"]);
      for (const words of [["-p", "prod"], ["-p", "nobody"]]) {
        const { code, err } = await home.run(["secrets", "list", ...words]);
        assertEquals([code, /Profile '\w+' not found/.test(err)], [2, true]);
      }
    });
  },
);

testCli(
  "a file of Fluxbase's own command line is understood, and what it holds beyond is kept",
  async (run, api) => {
    await withHome(run, async (home) => {
      await Deno.mkdir(`${home.path}/.fluxbase`);
      const theirs = {
        version: "1",
        current_profile: "old",
        profiles: {
          old: {
            name: "old",
            server: api.server,
            credential_store: "file",
            credentials: { access_token: api.adminKey, refresh_token: "x" },
            user: { id: "u", email: "a@b.test" },
            default_branch: "main",
          },
        },
        defaults: { output: "table" },
      };
      await Deno.writeTextFile(home.config, JSON.stringify(theirs), { mode: 0o600 });
      await good(home.run, ["secrets", "list"]);
      await good(home.run, ["login", "--no-keyring", "-p", "old"], { stdin: api.adminKey });
      const now = parse(await Deno.readTextFile(home.config));
      assertEquals(now.profiles.old.user, theirs.profiles.old.user);
      assertEquals(now.profiles.old.credentials, { api_key: api.adminKey });
      assertEquals([now.defaults, now.profiles.old.default_branch], [theirs.defaults, "main"]);
      await Deno.chmod(home.config, 0o644);
      const open = await home.run(["secrets", "list"]);
      assertEquals([open.code, open.err.split("\n")[0]], [
        3,
        "Error: The configuration file is open to others",
      ]);
      await Deno.chmod(home.config, 0o600);
      await Deno.writeTextFile(home.config, `{{{ ${api.adminKey}`);
      const broken = await home.run(["secrets", "list"]);
      assertEquals([broken.code, broken.err.includes(api.adminKey)], [2, false]);
    });
  },
);

/** Stands in for the system's program: it keeps what it is given in a file, and notes its words. */
const SECRET_TOOL = `#!/bin/sh
echo "$@" >> "$HOME/words"
case "$1" in
  store) cat > "$HOME/ring" ;;
  lookup) cat "$HOME/ring" 2>/dev/null || exit 1 ;;
  clear) rm -f "$HOME/ring" ;;
esac
`;

if (Deno.build.os === "linux") {
  testCli(
    "the key goes to the keyring where there is one, and never by arguments",
    async (run, api) => {
      await withHome(run, async (home) => {
        await Deno.mkdir(`${home.path}/bin`);
        await Deno.writeTextFile(`${home.path}/bin/secret-tool`, SECRET_TOOL, { mode: 0o755 });
        const { err } = await home.run(["login", "--server", api.server], { stdin: api.adminKey });
        assertMatch(err, /its key is in the system keyring\./);
        assertEquals(await Deno.readTextFile(`${home.path}/ring`), api.adminKey);
        assert(!(await Deno.readTextFile(home.config)).includes("fxsk_"));
        await good(home.run, ["secrets", "list"]);
        const words = await Deno.readTextFile(`${home.path}/words`);
        assert(!words.includes("fxsk_") && words.includes("store"), words);
        await good(home.run, ["logout"]);
        assertEquals((await home.run(["secrets", "list"])).code, 3);
        await good(home.run, ["login", "--server", api.server], { stdin: api.adminKey });
        await Deno.remove(`${home.path}/ring`);
        const locked = await home.run(["secrets", "list"]);
        assertMatch(locked.err, /The keyring has no key for profile 'default', or is locked/);
        await good(home.run, ["login", "--no-keyring"], { stdin: api.adminKey });
        await good(home.run, ["secrets", "list"]);
      });
    },
  );
}

testCli("no key is sent in the clear to another machine, not even to try it", async (run) => {
  await withHome(run, async (home) => {
    const { code, err } = await home.run(["login", "--server", "http://secrets.test"], {
      stdin: "fxsk_x",
    });
    assertEquals(code, 2);
    assertMatch(err, /not sent over plain http/);
  });
});
