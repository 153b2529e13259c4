import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliOptions, runCli } from "../support/cli.ts";
import { openSettingsApp, revealed, tokenOf, withSettings } from "../support/settings_world.ts";
import { testOverDatabases } from "../support/world.ts";
import type { StartedSettings } from "../../lib/settings/start.ts";

const test = testOverDatabases();
const USER = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const TIME = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d";

interface Site {
  readonly settings: StartedSettings;
  /** Runs a command with the administrator's key. */
  run(line: string, options?: CliOptions): Promise<string>;
  /** Runs a command with a user's token. */
  runAs(user: string, line: string, options?: CliOptions): Promise<string>;
  /** What all commands printed. */
  readonly printed: string[];
}

/** Registers a test over both databases with the real app on a port. */
function over(name: string, work: (site: Site) => Promise<void>): void {
  test(name, (world) =>
    withSettings(world, async (settings) => {
      const { app, key } = await openSettingsApp(world, settings);
      const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
      const url = `http://127.0.0.1:${server.addr.port}`;
      const printed: string[] = [];
      const runWith = async (token: string, line: string, options: CliOptions = {}) => {
        const words = ["settings", "secrets", ...wordsOf(line)];
        const env = { FLUXBASE_SERVER: url, FLUXBASE_TOKEN: token };
        const { code, out, err } = await runCli(words, { ...options, env });
        printed.push(out, err);
        return code === 0 ? out : `exit ${code}: ${err}`;
      };
      try {
        await work({
          settings,
          printed,
          run: (line, options) => runWith(key, line, options),
          runAs: async (user, line, options) => runWith(await tokenOf(user), line, options),
        });
      } finally {
        await server.shutdown();
      }
    }));
}

/** Splits a line into words, as a shell does for what is used here. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

over(
  "settings secrets: the guide's second system, typed in order",
  async ({ run, runAs, settings }) => {
    const lines: [line: string, out: RegExp][] = [
      ["", /^Set and list secrets of the application and of its users\./],
      ["--user", /^Set and list secrets of the application and of its users\./],
      ["list", /^No system secrets found\.\n$/],
      ["list --user", /^No user secrets found\.\n$/],
      [
        'set openai_api_key "sk-system"',
        /^Secret 'openai_api_key' \(system\) created successfully\.\n$/,
      ],
      [
        'set ai.openai.key "sk-first" --description "A description that is longer than forty characters"',
        /^Secret 'ai\.openai\.key' \(system\) created successfully\.\n$/,
      ],
      [
        'set ai.openai.key "sk-second"',
        /^Secret 'ai\.openai\.key' \(system\) updated successfully\.\n$/,
      ],
      [
        'set openai_api_key "sk-of-user" --user',
        /^Secret 'openai_api_key' \(user\) created successfully\.\n$/,
      ],
      [
        "list",
        new RegExp(
          "^KEY +SCOPE +DESCRIPTION +UPDATED\n" +
            `ai\\.openai\\.key +system +A description that is longer than forty characters +${TIME}\n` +
            `openai_api_key +system +${TIME}\n$`,
        ),
      ],
      ["list --user", new RegExp(`^KEY.*\nopenai_api_key +user +${TIME}\n$`)],
      [
        "get ai.openai.key",
        new RegExp(
          "^Key: +ai\\.openai\\.key\nScope: +system\nDescription: +A description .* characters\n" +
            `Created: +${TIME}\nUpdated: +${TIME}\n\n` +
            "Note: Secret values are never returned\\. They can only be accessed server-side\\.\n$",
        ),
      ],
      ["get openai_api_key --user", /^Key: +openai_api_key\nScope: +user\nCreated:/],
      ["get openai_api_key -o json", /^\{\n {2}"id": "[^"]+",\n {2}"key": "openai_api_key",/],
      ["delete ai.openai.key", /^Secret 'ai\.openai\.key' \(system\) deleted successfully\.\n$/],
      ["rm openai_api_key --user", /^Secret 'openai_api_key' \(user\) deleted successfully\.\n$/],
      ["list -o json", /^\[\n {2}\{\n {4}"id"/],
      ["list --user -o json", /^\[\]\n$/],
      ["delete openai_api_key -o json", /^\{\n {2}"message": "Secret 'openai_api_key'/],
      ["get openai_api_key", /^exit 4: Error: Secret setting not found\n/],
      ["delete openai_api_key --user", /^exit 4: Error: Secret not found\n/],
      ["get a/b", /^exit 2: Error: Setting key must be/],
    ];
    for (const [line, want] of lines) {
      // A person administers the system and has settings of their own.
      assertMatch(await (line.includes("--user") ? runAs(USER, line) : run(line)), want, line);
      if (line.includes("sk-of-user")) {
        assertEquals(await revealed(settings, USER), { OPENAI_API_KEY: "sk-of-user" });
        assertEquals(await revealed(settings, null), {
          OPENAI_API_KEY: "sk-system",
          AI_OPENAI_KEY: "sk-second",
        });
      }
    }
  },
);

over("settings secrets set takes a value from stdin or a file, and prints none", async (site) => {
  const { run, settings, printed } = site;
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "canary from a file\n");
    await run("set a -", { stdin: "canary from stdin\n" });
    await run(`set b --from-file ${file}`);
    assertMatch(await run("set c", { stdin: "" }), /^exit 2: Error: VALUE is missing/);
    await run("set d canary");
  } finally {
    await Deno.remove(file);
  }
  assertEquals(await revealed(settings, null), {
    A: "canary from stdin",
    B: "canary from a file\n",
    D: "canary",
  });
  assert(!printed.join("").includes("canary"));
});

over(
  "settings secrets --user-id acts for a user, if the key may",
  async ({ run, runAs, settings }) => {
    const id = "auth0|ünï code";
    assertMatch(await run(`set k "of the user" --user-id "${id}"`), /\(user\) created/);
    assertEquals(await revealed(settings, id), { K: "of the user" });
    assertMatch(await run(`list --user-id "${id}"`), /\nk +user/);
    assertMatch(
      await run("list --user"),
      /^exit 3: Error: Authentication required: a user's settings/,
    );
    assertMatch(await runAs(USER, `get k --user-id "${id}"`), /^exit 3: Error: Insufficient/);
    assertMatch(
      await runAs(USER, "list"),
      /^exit 3: Error: Insufficient permissions: settings:list/,
    );
  },
);

over(
  "a key that functions would see as the same name is told apart from its own",
  async ({ run }) => {
    await run("set ai.key value");
    assertMatch(
      await run("set ai_key value"),
      /^exit 5: Error: A secret setting with a key that functions/,
    );
  },
);
