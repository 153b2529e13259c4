/** A server that tries to steer the terminal of who asks it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { hostEnvironment, ROOT, runCli } from "../support/cli.ts";

/** Sets the title, clears the screen, colours, and turns the direction of writing around. */
const EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e\r";
const STEERS = /[^\P{Cc}\n\t]|\p{Cf}/u;

const json = (value: unknown) => new Response(JSON.stringify(value));

function answer({ url }: Request): Response {
  const { pathname } = new URL(url);
  if (pathname.endsWith("/verify")) {
    const problem = { type: "problem", part: "rows", problem: `name ${EVIL} is odd` };
    const end = { type: "end", checked: 1, problems: 1 };
    return new Response(`${JSON.stringify(problem)}\n${JSON.stringify(end)}\n`);
  }
  if (pathname.endsWith("/logs")) {
    const fields = { name: `name ${EVIL}`, namespace: EVIL };
    const line = { id: 1, timestamp: `at ${EVIL}`, level: EVIL, message: EVIL, fields };
    return json({ entries: [line], total_count: 1, has_more: false });
  }
  if (pathname.endsWith("/invoke")) return new Response(`answer ${EVIL}`);
  return Response.json({ error: `error ${EVIL}`, request_id: EVIL }, { status: 500 });
}

async function withEvil(work: (env: Record<string, string>) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  const env = {
    FLUXBASE_SERVER: `http://127.0.0.1:${server.addr.port}`,
    FLUXBASE_TOKEN: "fxsk_any",
    FLUXBASE_CONFIG: `${ROOT}tests/no-such-file.yaml`,
  };
  try {
    await work(env);
  } finally {
    await server.shutdown();
  }
}

Deno.test("what a server says in errors and problems can't steer a terminal", async () => {
  await withEvil(async (env) => {
    for (const [words, said] of [["secrets list", "error"], ["verify", "rows: name"]] as const) {
      const { err } = await runCli(words.split(" "), { env });
      assertStringIncludes(err, said);
      assert(!STEERS.test(err), JSON.stringify(err));
    }
  });
});

Deno.test("on a terminal data can't steer it, and in a pipe data stays as it is", async () => {
  await withEvil(async (env) => {
    for (
      const [words, said] of [["logs tail", "name"], ["functions invoke f", "answer"]] as const
    ) {
      const typed = `"${Deno.execPath()}" task -q --config "${ROOT}deno.json" cli ${words}`;
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", typed, "/dev/null"],
        env: { ...hostEnvironment(), ...env, NO_COLOR: "1" },
        clearEnv: true,
        stdin: "null",
      }).output();
      // The terminal itself ends lines with both.
      const seen = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
      assertStringIncludes(seen, said);
      assert(!STEERS.test(seen), JSON.stringify(seen));
    }
    assertEquals((await runCli(["functions", "invoke", "f"], { env })).out, `answer ${EVIL}`);
  });
});
