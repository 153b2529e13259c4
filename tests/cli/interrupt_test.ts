/** Commands that are ended in their middle, by Ctrl-C and by signals. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testCli } from "../support/cli_world.ts";
import { terminal } from "../support/terminal.ts";

const PROMPTS = [
  ["secrets", "set", "PROMPTED"],
  ["settings", "secrets", "set", "prompted"],
  ["login"],
  ["backup", "create", "never.backup"],
] as const;
const ENDS = [
  [{ keys: "zq\x03" }, 130],
  [{ signal: "SIGINT" }, 130],
  [{ signal: "SIGTERM" }, 143],
  [{ signal: "SIGHUP" }, 129],
] as const;

testCli("a hidden prompt that is called off leaves the terminal as it was", async (_run, api) => {
  const cwd = await Deno.makeTempDir();
  const env = {
    FLUXBASE_SERVER: api.server,
    FLUXBASE_TOKEN: api.adminKey,
    FLUXBASE_CONFIG: `${cwd}/profiles.yaml`,
  };
  for (const words of PROMPTS) {
    for (const [how, code] of words === PROMPTS[0] ? ENDS : ENDS.slice(0, 2)) {
      const seen = await terminal(words, { env, cwd, then: { after: "(hidden): ", ...how } });
      const what = `${words.join(" ")}, ${JSON.stringify(how)}: ${seen.screen}`;
      assertEquals([seen.code, seen.restored], [code, true], what);
      assertMatch(seen.screen, /^[^\n]*\(hidden\): \n(?:Error: Called off\n)?$/, what);
    }
  }
  assertEquals([...Deno.readDirSync(cwd)], []);
  await Deno.remove(cwd, { recursive: true });
});

const ID = "6f1c0b1e-6d1a-4c9e-9a55-0f2f6b7f4d21";
const LINE = {
  id: 1,
  timestamp: "2026-01-02T03:04:05Z",
  level: "info",
  message: "a line",
  fields: { name: "hello", namespace: null },
};
/** What is asked for, and an answer that goes on for ever. */
const ENDLESS: Readonly<Record<string, () => Response>> = {
  "/api/v1/admin/backup": endless,
  "/api/v1/admin/audit": endless,
  "/api/v1/functions/hello/invoke": endless,
  "/api/v1/admin/logs": () => Response.json({ entries: [LINE], total_count: 1, has_more: false }),
  [`/api/v1/jobs/${ID}`]: () =>
    Response.json({ id: ID, status: "running", attempts: 1, progress_percent: null }),
  [`/api/v1/jobs/${ID}/logs`]: () => Response.json({ entries: [{ ...LINE, attempt: 1 }] }),
};

/** A server whose answers begin and don't end. */
function endless(): Response {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode("begun")) }),
  );
}

const RECIPIENT = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";
/** Command lines that go on, by what they show once they do. */
const GOING_ON = [
  [`backup create half.backup --recipient ${RECIPIENT} --debug`, "POST /api/v1/admin/backup"],
  ["audit export --file half.jsonl --debug", "GET /api/v1/admin/audit"],
  ["functions invoke hello", "begun"],
  ["logs tail --follow", "a line"],
  [`jobs logs ${ID} --follow`, "a line"],
  [`jobs status ${ID} --wait`, "running"],
] as const;

Deno.test("what goes on ends at Ctrl-C with 130 and leaves nothing half written", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => ENDLESS[new URL(url).pathname]?.() ?? new Response(null, { status: 404 }),
  );
  const cwd = await Deno.makeTempDir();
  const env = {
    FLUXBASE_SERVER: `http://127.0.0.1:${server.addr.port}`,
    FLUXBASE_TOKEN: "fxsk_any",
    FLUXBASE_CONFIG: `${cwd}/profiles.yaml`,
  };
  try {
    for (const [line, after] of GOING_ON) {
      const seen = await terminal(line.split(" "), { env, cwd, then: { after, keys: "\x03" } });
      assertEquals([seen.code, seen.restored], [130, true], `${line}: ${seen.screen}`);
      assert(!/Error|\n {4}at /.test(seen.screen), `${line}: ${seen.screen}`);
      assertEquals([...Deno.readDirSync(cwd)], [], line);
      if (!line.includes("--wait")) continue;
      assertStringIncludes(seen.screen, `The job goes on. See it with: jobs status ${ID}`);
    }
  } finally {
    await server.shutdown();
    await Deno.remove(cwd, { recursive: true });
  }
});
