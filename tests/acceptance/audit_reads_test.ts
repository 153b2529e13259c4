import { assertEquals, assertMatch } from "@std/assert";
import { runCli, startCli } from "../support/cli.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { type Site, testOnSites } from "../support/site.ts";
import { until } from "../support/until.ts";

/** The line as the guide prints it. */
const GUIDE = ["logs", "list", "--category", "execution", "--search", "FLUXBASE_SECRET"];

const FUNCTIONS = {
  "mail.ts": `export default () => {
    console.log("sending");
    return new Response(Deno.env.get("FLUXBASE_SECRET_API_KEY")?.length.toString());
  }`,
  "deno.json": `{"fluxbase": {"functions": {
    "mail": {"secrets": ["API_*"]}, "quiet": {"secrets": []}, "marking": {"secrets": []}
  }}}`,
  "../jobs/nightly.ts": "export default () => {};",
  "quiet.ts": `export default () => new Response("I read nothing")`,
};

async function withFunctions(
  site: Site,
  work: (server: ServerProcess, type: Type) => Promise<void>,
): Promise<void> {
  for (const [path, text] of Object.entries(FUNCTIONS)) await site.write(path, text);
  await withServer(site, (server) => {
    const env = { FLUXBASE_SERVER: server.url, FLUXBASE_TOKEN: server.adminKey };
    return work(server, (...words) => runCli(words, { env }));
  });
}

type Type = (...words: string[]) => ReturnType<typeof runCli>;

testOnSites("the guide's look at who uses which secret works as printed", async (site) => {
  await withFunctions(site, async (server, type) => {
    for (const value of ["sk-first-value", "sk-second-value"]) {
      await type("secrets", "set", "API_KEY", value);
      await server.ask("GET", "/api/v1/functions/mail/invoke");
      await server.ask("GET", "/api/v1/functions/quiet/invoke");
    }
    const lines = await until("both reads are in the log", async () => {
      const { code, out, err } = await type(...GUIDE, "-o", "json");
      assertEquals([code, err], [0, ""]);
      const found = JSON.parse(out);
      return found.length === 2 && found;
    });
    assertEquals(lines.map((each: Record<string, unknown>) => [each.message, each.component]), [
      ["read FLUXBASE_SECRET_API_KEY (global, version 2)", "mail"],
      ["read FLUXBASE_SECRET_API_KEY (global, version 1)", "mail"],
    ]);
    const { out } = await type(...GUIDE);
    assertMatch(
      out,
      /^TIME +LEVEL +FUNCTION +EXECUTION +MESSAGE\n\S+Z +info +mail +[0-9a-f-]{36} +read FLUXBASE_SECRET_API_KEY \(global, version 2\)\n.*version 1\)\n$/,
    );
    const id: string = lines[0].execution_id;
    assertMatch((await type("logs", "execution", id)).out, /sending\n.*read FLUXBASE_SECRET_API/);
    assertMatch((await type("logs", "stats")).out, /^Lines: +4\n +info: +4\nOldest: +2/);
    // What a function printed is shown without what it read.
    assertMatch(
      (await type("functions", "logs", "mail")).out,
      /^[^\n]+200[^\n]+\n {2}info {2}sending\n/,
    );
    assertMatch(
      (await type("secrets", "usage", "API_KEY")).out,
      /\nfunction +mail +- +2\S+Z +2\S+Z +2 +1 2\nAPI_KEY: read less than a minute ago: do not delete\n\nMay read it, .*:\nKIND .*\nfunction +mail +- +directory +API_\*\njob +nightly +- +directory +no list: all of its scope\n$/,
    );
    await type("secrets", "set", "UNUSED", "x-and-more");
    assertMatch(
      (await type("secrets", "usage", "UNUSED")).out,
      /UNUSED: not read by any run.*\n\nMay read it, .*:\nKIND.*\njob +nightly [^\n]+\n$/,
    );
    const told = await type(
      "secrets",
      "usage",
      "NEVER_SET",
      "--namespace",
      "production",
      "-o",
      "json",
    );
    assertEquals(JSON.parse(told.out).may_read, {
      code: [],
      unclear: [],
      hidden: 0,
      withheld: "absent",
    });
    const made = await type("keys", "create", "reader", "--grant", "secrets:read,jobs:read");
    const path = "/api/v1/admin/secrets/API_KEY/usage";
    const { text } = await server.ask("GET", path, { key: made.out.trim() });
    const { used_by, hidden, may_read } = JSON.parse(text);
    assertEquals([used_by, hidden, may_read.hidden], [[], 1, 1]);
    assertEquals(may_read.code.map(({ name }: { name: string }) => name), ["nightly"]);
    assertEquals((await type("secrets", "delete", "UNUSED")).err, "");
    const deleted = await type("secrets", "delete", "API_KEY");
    assertEquals(deleted.out, "Secret 'API_KEY' deleted.\n");
    assertMatch(deleted.err, /^Warning: API_KEY was read .* ago by a function or job; to bring it/);
    for (const action of ["secret.inject", "secret.read"]) {
      await until(`both versions are on record: ${action}`, async () => {
        const { out } = await type("audit", "list", "--action", action, "-o", "json");
        const found: Record<string, unknown>[] = JSON.parse(out);
        const own = found.filter(({ principal, name }) =>
          principal === "mail" && name === "API_KEY"
        );
        return own.map(({ version }) => version).sort().join() === "1,2";
      });
    }
    assertEquals((await type("audit", "verify")).code, 0);
    const calls = await server.ask("GET", "/api/v1/functions/mail/executions");
    assertEquals(JSON.parse(calls.text)[0].reads, [
      { name: "API_KEY", scope: "global", version: 2 },
    ]);
  });
});

/** Ways to delete a secret that was read a moment ago, and what is said then. */
const DELETIONS = [
  { name: "BY_NAME", way: "name", says: /to bring it back: fluxbase secrets restore BY_NAME$/ },
  { name: "UPSTREAM", way: "upstream", says: /to bring it back: .* UPSTREAM$/ },
  { name: "BY_ID", way: "id", says: /to bring it back: .* BY_ID$/ },
  { name: "THERE", way: "id", namespace: "production", says: /THERE --namespace production$/ },
  { name: "PURGED", way: "purge", says: /it is removed for good and can only be set again$/ },
  { name: "ALL", way: "purge", namespace: "production", says: /removed for good/ },
  { name: "MANY", way: "bulk", says: /to bring it back: fluxbase secrets restore MANY$/ },
  { name: "ELSEWHERE", way: "bulk", namespace: "production", says: /--namespace production$/ },
] as const;

testOnSites(
  "whoever deletes what was read lately is warned, however it is deleted",
  async (site) => {
    const reading = `export default (request) => new Response(
    String(secrets.get(new URL(request.url).searchParams.get("read"))?.length));`;
    await site.write("reading.ts", reading);
    await site.write("@production/reading.ts", reading);
    await withServer(site, async (server) => {
      const json = async (method: string, path: string, body?: unknown) => {
        const { status, text } = await server.ask(method, path, body ? { json: body } : {});
        assertEquals(Math.floor(status / 100), 2, text);
        return JSON.parse(text);
      };
      for (const { name, way, says, ...place } of DELETIONS) {
        const query = "namespace" in place ? `?namespace=${place.namespace}` : "?";
        const remove = async ({ id }: { id: string }) => {
          const path = `/api/v1/admin/secrets/${name}${query}`;
          if (way === "name") return await json("DELETE", path);
          if (way === "purge") return await json("DELETE", `${path}&purge=true`);
          if (way === "id") return await json("DELETE", `/api/v1/secrets/${id}`);
          if (way === "upstream") {
            return await json("DELETE", `/api/v1/secrets/by-name/${name}${query}`);
          }
          const operations = [{ op: "delete", name, ...place }];
          const { results } = await json("POST", "/api/v1/admin/secrets/bulk", { operations });
          return results[0];
        };
        const set = () => json("POST", "/api/v1/secrets", { name, value: "a value", ...place });
        const unread = await remove(await set());
        assertEquals(unread.warning, undefined, name);
        const made = await set();
        const { text } = await server.call(`reading${query}&read=${name}`);
        assertEquals(text, "7");
        await until(
          `the reading of ${name} is on record`,
          async () =>
            (await json("GET", `/api/v1/admin/secrets/${name}/usage${query}`)).last_read !== null,
        );
        const { warning } = await remove(made);
        assertMatch(warning, /was read less than a minute ago by a function or job; /);
        assertMatch(warning, says);
      }
      const purged = await server.cli(["secrets", "delete", "BY_NAME", "--purge"]);
      assertEquals([purged.code, purged.out], [0, "Secret 'BY_NAME' removed for good.\n"]);
      assertMatch(
        purged.err,
        /^Warning: BY_NAME was read .*; it is removed for good and can only be/,
      );
    });
  },
);

testOnSites("who is turned away from a function is on record by name", async (site) => {
  await withFunctions(site, async (server, type) => {
    const made = await type("keys", "create", "reader", "--grant", "secrets:list");
    const key = made.out.trim();
    assertEquals((await server.call("mail", { key })).status, 404);
    assertEquals((await server.call("mail", { key: key.replace(/.$/, "x") })).status, 401);
    const found = await until("both attempts are on record", async () => {
      const { out } = await type("audit", "list", "--action", "access.denied", "-o", "json");
      const records: Record<string, unknown>[] = JSON.parse(out);
      return records.length === 2 && records;
    });
    const told = found.map((each) => [each.principal_kind, each.outcome, each.name]).sort();
    assertEquals(told, [["anonymous", "denied", "mail"], ["service_key", "denied", "mail"]]);
  });
});

const FOLLOWED: readonly (readonly string[])[] = [
  ["logs", "tail", "--follow", "--search", "mark"],
  ["functions", "logs", "marking", "--follow"],
  ["audit", "tail", "--follow", "--action", "secret.create"],
];

testOnSites("what comes while it is followed is printed, each line once", async (site) => {
  await site.write(
    "marking.ts",
    `export default (request) => {
      console.log(new URL(request.url).searchParams.get("mark"));
      return new Response("marked");
    }`,
  );
  await withServer(site, async (server) => {
    const env = { FLUXBASE_SERVER: server.url, FLUXBASE_TOKEN: server.adminKey };
    for (const [which, words] of FOLLOWED.entries()) {
      const marks = [1, 2, 3].map((round) => `MARK_${which}_${round}`);
      await using following = startCli(words, { env });
      const count = (mark: string) => following.out.split(mark).length - 1;
      for (const mark of marks) {
        await server.set(mark, "a value");
        await server.call(`marking?mark=${mark}`);
        await until(`${words.join(" ")} prints ${mark}`, () => count(mark) > 0);
      }
      assertEquals(marks.map(count), [1, 1, 1], following.out);
    }
  });
});

const REFUSED: readonly (readonly [words: string[], code: number, error: RegExp])[] = [
  [["list", "--since", "yesterday"], 2, /--since is not understood; it takes 30m, 1h, 7d/],
  [["list", "--since", "2026-02-30"], 2, /--since is not understood/],
  [["list", "--since", "1h", "--from", "2h"], 2, /--since and --from are the same; give one/],
  [["list", "--since", "1h", "--until", "2h"], 1, /start_time must be before end_time/],
  [["list", "--limit", "0"], 2, /--limit must be 1 to/],
  [["list", "--level", "loud"], 1, /level must be one of: debug, info, warn, error/],
  [["list", "--category", "gossip"], 1, /category must be one of: system, http/],
  [["execution", "not-an-id"], 2, /ID must be that of an execution/],
];

testOnSites("a question about the log that can't be answered is refused clearly", async (site) => {
  await withFunctions(site, async (_server, type) => {
    for (const [words, code, error] of REFUSED) {
      const told = await type("logs", ...words);
      assertMatch(told.err, error);
      assertEquals([told.out, told.code === 0], ["", code === 0], words.join(" "));
    }
    assertEquals((await type("logs", "list", "--category", "http")).out, "No logs found.\n");
  });
});
