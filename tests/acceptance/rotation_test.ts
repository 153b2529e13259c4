import { assert, assertEquals } from "@std/assert";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { ServerProcess, withServer } from "../support/server.ts";
import { testOnSites, withSite } from "../support/site.ts";
import { until } from "../support/until.ts";

const CLIENTS = 16;
const WRITERS = 4;
/** Rotations under load, each of which ends before the next one. */
const ROTATIONS = 3;
const PATH = "/api/v1/admin/keyring";

const SHOW =
  `export default () => Response.json([0, 1, 2, 3].map((i) => secrets.get("STEP_" + i)));`;

interface Ring {
  readonly keys: readonly {
    readonly id: string;
    readonly purpose: string;
    readonly status: string;
    readonly root_id: string;
    readonly uses: number;
    readonly uses_by_table: Readonly<Record<string, number>>;
  }[];
  readonly renewal: { readonly running: boolean; readonly damaged: number };
}

async function ringOf(server: ServerProcess): Promise<Ring> {
  const { status, text } = await server.ask("GET", PATH);
  assertEquals(status, 200, text);
  return JSON.parse(text);
}

async function post(server: ServerProcess, path: string, json: unknown = {}) {
  const told = await server.ask("POST", `${PATH}${path}`, { json });
  return { status: told.status, body: JSON.parse(told.text) };
}

/** What is left under old keys that doesn't go by itself. */
function leftOver({ keys }: Ring): string[] {
  return keys.filter(({ purpose, status }) =>
    status !== "primary" && (purpose === "value" || purpose === "row")
  ).flatMap(({ uses_by_table }) => Object.keys(uses_by_table))
    // Answers to repeated requests, for a day.
    .filter((table) => table !== "functions.idempotency_keys");
}

testOnSites(
  "rotations while 16 clients call and 4 write: nothing fails or is old",
  async (site) => {
    await site.write("show.ts", SHOW);
    await withServer(site, async (server) => {
      const steps = [0, 0, 0, 0];
      const put = async (i: number) => {
        const value = `value ${steps[i]! + 1}`;
        await server.set(`STEP_${i}`, value);
        steps[i]!++;
      };
      for (let i = 0; i < WRITERS; i++) await put(i);
      for (let i = 0; i < 40; i++) await server.set(`OTHER_${i}`, "a value that nobody changes");
      let over = false;
      let calls = 0;
      const client = async () => {
        while (!over) {
          const known = [...steps];
          const { status, text } = await server.call("show");
          assertEquals(status, 200, text);
          (JSON.parse(text) as string[]).forEach((value, i) =>
            assert(Number(value.split(" ")[1]) >= known[i]!, `${value} after ${known[i]}`)
          );
          calls++;
        }
      };
      const writer = async (i: number) => {
        while (!over) await put(i);
      };
      const rotations = async () => {
        for (let round = 0; round < ROTATIONS; round++) {
          const { status, body } = await post(server, "/rotate");
          assertEquals(status, 201);
          assertEquals(Object.keys(body.keys), ["value", "row", "token", "digest"]);
          await until(
            "everything is anew",
            async () => leftOver(await ringOf(server)).length === 0,
          );
        }
      };
      const busy = [
        ...Array.from({ length: CLIENTS }, client),
        ...steps.map((_, i) => writer(i)),
        rotations(),
      ];
      await Promise.all(busy.map((each) => each.finally(() => over = true)));
      assert(calls > 0 && steps.every((step) => step > 1));
      const old = (await ringOf(server)).keys.filter(({ status }) => status === "enabled");
      for (const { id, purpose } of old.filter(({ purpose }) => purpose === "value")) {
        assertEquals((await post(server, `/keys/${id}/retire`)).body, { id, status: "destroyed" });
        assertEquals(purpose, "value");
      }
      assertEquals((await post(server, "/verify")).body.problems, []);
    });
    // Nothing of it is only in memory.
    await withServer(site, async (server) => {
      assertEquals((await server.call("show")).status, 200);
    });
  },
);

testOnSites("settings, code, jobs, schedules and keys are made anew, too", async (site) => {
  const code = `${site.directory}/code`;
  await Deno.mkdir(code);
  const ask = `export default () => new Response(secrets.get("ai_key"));`;
  await Deno.writeTextFile(`${code}/deployed.ts`, ask);
  await Deno.mkdir(`${site.directory}/jobs`);
  await Deno.writeTextFile(`${site.directory}/jobs/report.ts`, `export default () => "done";`);
  const options = { env: { FLUXBASE_JOBS_DIR: `${site.directory}/jobs` } };
  await withServer(site, async (server) => {
    const type = async (...words: string[]) => {
      const { code, out, err } = await server.cli(words);
      assertEquals(code, 0, `${words.join(" ")}: ${err}`);
      return out;
    };
    const lines = [
      ["settings", "secrets", "set", "ai_key", "sk-of-the-application"],
      ["functions", "deploy", "--dir", code],
      ["jobs", "schedule", "set", "report", "0 3 * * *"],
      ["jobs", "submit", "report", "--wait"],
    ];
    for (const words of lines) await type(...words);
    const before = await ringOf(server);
    const tables = new Set(before.keys.flatMap(({ uses_by_table }) => Object.keys(uses_by_table)));
    for (
      const table of [
        "app.settings",
        "functions.deployments",
        "functions.deployment_versions",
        "functions.jobs",
        "functions.job_schedules",
        "functions.service_keys",
      ]
    ) assert(tables.has(table), table);
    await type("keyring", "rotate");
    await until("everything is anew", async () => leftOver(await ringOf(server)).length === 0);
    const [old] = before.keys.filter(({ purpose }) => purpose === "value");
    await type("keyring", "retire", old!.id);
    assertEquals((await server.call("deployed")).text, "sk-of-the-application");
    assert((await type("jobs", "schedule", "list")).includes("report"));
    await type("jobs", "submit", "report", "--wait");
    await type("keyring", "verify");
  }, options);
  await withServer(site, async (server) => {
    assertEquals((await server.call("deployed")).text, "sk-of-the-application");
  }, options);
});

Deno.test("two servers go from one root key to the next without a pause", async () => {
  await withSite("postgres", async (site) => {
    await site.write("show.ts", SHOW);
    const [old, next] = [site.env["FLUXBASE_ENCRYPTION_KEY"]!, generateRootKey().text];
    const idOf = (text: string) => parseRootKeys(text)[0]!.id;
    const env = (FLUXBASE_ENCRYPTION_KEY: string) => ({ env: { FLUXBASE_ENCRYPTION_KEY } });
    const servers = [await ServerProcess.start(site), await ServerProcess.start(site, env(old))];
    // The one that made the administrator's key; the data directory is shared.
    const [one] = servers;
    const change = async (i: number, keys: string) => {
      await servers[i]!.end();
      servers[i] = await ServerProcess.start(site, env(keys));
    };
    const exchange = async (step: number) => {
      await servers[step % 2]!.set("STEP_0", `value ${step}`);
      await until("the other one has it", async () => {
        const { status, text } = await servers[(step + 1) % 2]!.call("show");
        assertEquals(status, 200, text);
        return text.includes(`"value ${step}"`);
      });
    };
    try {
      await one!.set("STEP_0", "value 0");
      await exchange(1);
      // One knows both keys, the other one only the old one.
      await change(1, `${next},${old}`);
      await exchange(2);
      await change(0, `${next},${old}`);
      const { body } = await post(servers[0]!, "/rewrap");
      assertEquals(body, { root_id: idOf(next), rewrapped: 4 });
      await exchange(3);
      // One has dropped the old one already.
      await change(1, next);
      await exchange(4);
      await post(servers[1]!, "/rotate");
      await exchange(5);
      await change(0, next);
      await exchange(6);
      const { keys } = await ringOf(servers[0]!);
      assertEquals(new Set(keys.map(({ root_id }) => root_id)), new Set([idOf(next)]));
    } finally {
      for (const server of servers) await server.end();
    }
  });
});

Deno.test("a new root.key is made, taken, and the old one forgotten when told", async () => {
  await withSite("embedded", async (site) => {
    await site.write("show.ts", SHOW);
    const read = (name: string) => Deno.readTextFile(`${site.dataDir}/${name}`).catch(() => null);
    await withServer(site, async (server) => {
      await server.set("STEP_0", "value 1");
      const before = await read("root.key");
      const rewrapped = await server.cli(["keyring", "rewrap", "--new-root"]);
      assertEquals(rewrapped.code, 0, rewrapped.err);
      assert((await read("root.key")) !== before);
      assertEquals(await read("root.key.old"), before);
      assertEquals((await server.call("show")).status, 200);
    });
    await withServer(site, async (server) => {
      assertEquals(JSON.parse((await server.call("show")).text)[0], "value 1");
      const { out, code } = await server.cli(["keyring", "verify", "--forget-old-root"]);
      assertEquals(code, 0);
      assert(out.includes("root.key.old is removed"), out);
      assertEquals(await read("root.key.old"), null);
      const listed = await server.cli(["keyring", "list"]);
      assert(listed.out.startsWith("ID"), listed.out);
      const [id] = listed.out.split("\n").find((line) => line.includes("value"))!.split(" ");
      const refused = await server.cli(["keyring", "retire", id!]);
      assertEquals(refused.code, 5);
      assert(refused.err.includes("is the primary one"), refused.err);
    });
  });
});

Deno.test("the key ring is for those who administer everything", async () => {
  await withSite("embedded", (site) =>
    withServer(site, async (server) => {
      const made = await server.ask("POST", "/api/v1/admin/keys", {
        json: { name: "ops", grants: ["keys:admin,secrets:list @ prod"] },
      });
      assertEquals(made.status, 201, made.text);
      const { key } = JSON.parse(made.text);
      for (const [method, path] of [["GET", ""], ["POST", "/rotate"], ["POST", "/verify"]]) {
        assertEquals((await server.ask(method!, PATH + path, { key })).status, 403, path);
      }
      assertEquals((await server.ask("GET", PATH, { key: null })).status, 401);
    }).then(() => {}));
});
