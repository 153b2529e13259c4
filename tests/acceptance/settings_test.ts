import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Canary, Search } from "../support/canary.ts";
import { allRows, withDatabaseOf } from "../support/rows.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { JWT_SECRET, tokenOf } from "../support/settings_world.ts";
import { testOnSites } from "../support/site.ts";
import { until } from "../support/until.ts";

const ANN = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const BOB = "0e4b7a52-2a52-4c5a-9a4e-0d8f4f1c2b3a";
const WITH_TOKENS = { env: { FLUXBASE_JWT_SECRET: JWT_SECRET } };

/** Reads a key before and after a wait. */
const READ = `export default async (request) => {
  const key = new URL(request.url).searchParams.get("key");
  const read = () => [secrets.get(key), secrets.getUser(key), secrets.getSystem(key)]
    .map((value) => value ?? null);
  const before = read();
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
  return Response.json([...before, ...read()]);
}`;

/** An error as the SDK throws it. */
class SdkError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The calls that upstream's SDK makes, in its way of reading answers. */
class Sdk {
  readonly #server: ServerProcess;
  readonly #token: string;

  constructor(server: ServerProcess, token: string) {
    this.#server = server;
    this.#token = token;
  }

  async request(method: string, path: string, json?: unknown): Promise<unknown> {
    const options = { key: this.#token, ...(json !== undefined && { json }) };
    const response = await this.#server.fetch(method, path, options);
    const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
    const data: unknown = isJson ? await response.json() : await response.text();
    if (response.ok) return data;
    const { error } = (isJson ? data : {}) as { error?: string };
    throw new SdkError(response.status, error ?? response.statusText);
  }

  /** `set` writes with PUT and, where that finds nothing, with POST. */
  async setSecretSetting(key: string, value: string, options: { description?: string } = {}) {
    const base = "/api/v1/admin/settings/custom/secret";
    try {
      return await this.request("PUT", `${base}/${key}`, { value, ...options });
    } catch (error) {
      if (!(error instanceof SdkError) || error.status !== 404) throw error;
      return await this.request("POST", base, { key, value, ...options });
    }
  }

  getSecretSetting(key: string) {
    return this.request("GET", `/api/v1/admin/settings/custom/secret/${key}`);
  }

  listSecretSettings() {
    return this.request("GET", "/api/v1/admin/settings/custom/secrets");
  }

  deleteSecretSetting(key: string) {
    return this.request("DELETE", `/api/v1/admin/settings/custom/secret/${key}`);
  }

  getUserSecretValue(userId: string, key: string) {
    const path = `/api/v1/admin/settings/user/${userId}/secret/${key}/decrypt`;
    return this.request("GET", path);
  }

  async setSecret(key: string, value: string, options: { description?: string } = {}) {
    const encoded = encodeURIComponent(key);
    try {
      return await this.request("PUT", `/api/v1/settings/secret/${encoded}`, { value, ...options });
    } catch (error) {
      if (!(error instanceof SdkError) || error.status !== 404) throw error;
      return await this.request("POST", "/api/v1/settings/secret/", { key, value, ...options });
    }
  }

  getSecret(key: string) {
    return this.request("GET", `/api/v1/settings/secret/${encodeURIComponent(key)}`);
  }

  listSecrets() {
    return this.request("GET", "/api/v1/settings/secret/");
  }

  deleteSecret(key: string) {
    return this.request("DELETE", `/api/v1/settings/secret/${encodeURIComponent(key)}`);
  }
}

type Metadata = Readonly<Record<string, string>>;

async function read(server: ServerProcess, key: string, token?: string): Promise<unknown[]> {
  const { status, text } = await server.call(`read?key=${key}`, token ? { key: token } : {});
  assertEquals(status, 200, text);
  return JSON.parse(text);
}

testOnSites("upstream's SDK sets, lists and deletes settings with its own calls", async (site) => {
  await site.write("read.js", READ);
  await withServer(site, async (server) => {
    const admin = new Sdk(server, await tokenOf(ANN, "service_role"));
    const user = new Sdk(server, await tokenOf(BOB));
    assertEquals(await admin.listSecretSettings(), []);
    assertEquals(await user.listSecrets(), []);
    const made = await admin.setSecretSetting("ai.openai.key", "first", { description: "chat" });
    const { id, user_id, description } = made as Metadata;
    assertEquals([user_id, description], [undefined, "chat"]);
    const changed = await admin.setSecretSetting("ai.openai.key", "second") as Metadata;
    assertEquals([changed.id, changed.description], [id, "chat"]);
    assertEquals(await admin.getSecretSetting("ai.openai.key"), changed);
    assertEquals(await admin.listSecretSettings(), [changed]);
    const own = await user.setSecret("ai.openai.key", "of bob") as Metadata;
    assertEquals(own.user_id, BOB);
    assertEquals(await user.setSecret("ai.openai.key", "of bob 2") as Metadata, {
      ...own,
      updated_at: (await user.getSecret("ai.openai.key") as Metadata).updated_at!,
    });
    assertEquals((await user.listSecrets() as Metadata[]).map(({ key }) => key), ["ai.openai.key"]);
    const token = await tokenOf(BOB);
    assertEquals((await read(server, "ai.openai.key", token)).slice(0, 3), [
      "of bob 2",
      "of bob 2",
      "second",
    ]);
    for (const sdk of [admin, user]) {
      const shown = await assertRejects(() => sdk.getUserSecretValue(BOB, "k"), SdkError);
      assertEquals(shown.status, 403);
    }
    const denied = await assertRejects(() => user.listSecretSettings(), SdkError);
    assertEquals(denied.status, 403);
    assertEquals(await user.deleteSecret("ai.openai.key"), "");
    assertEquals(await admin.deleteSecretSetting("ai.openai.key"), "");
    for (const gone of [() => user.getSecret("ai.openai.key"), () => admin.getSecretSetting("x")]) {
      assertEquals((await assertRejects(gone, SdkError)).status, 404);
    }
    assertEquals((await read(server, "ai.openai.key", token))[0], null);
  }, WITH_TOKENS);
});

/** Types a line of the command line, which must succeed. */
async function type(server: ServerProcess, line: string): Promise<string> {
  const { code, out, err } = await server.cli(line.split(" "));
  assertEquals(code, 0, `${line}\n${err}`);
  return out;
}

async function envOf(server: ServerProcess, call: string): Promise<Metadata> {
  return JSON.parse((await server.call(call)).text);
}

/** Each row of the guide's table, and what makes it true. */
const ROWS: Readonly<Record<string, (server: ServerProcess) => Promise<void>>> = {
  async Scopes(server) {
    const list = JSON.parse(await type(server, "secrets list -o json"));
    assertEquals(list.map(({ scope }: Metadata) => scope), ["global", "namespace"]);
    assertMatch(await type(server, "settings secrets list"), /\napi\.limit +system /);
    const own = await type(server, `settings secrets list --user-id ${ANN}`);
    assertMatch(own, /\napi\.limit +user /);
  },
  async "User-specific"(server) {
    assertEquals((await read(server, "api.limit", await tokenOf(ANN)))[0], "of-ann");
    assertEquals((await read(server, "api.limit", await tokenOf(BOB)))[0], "of-the-system");
    for (const user of [ANN, BOB]) {
      const { text } = await server.call("env", { key: await tokenOf(user) });
      assertEquals(JSON.parse(text).FLUXBASE_SECRET_API_KEY, "of-the-function");
    }
  },
  async "Function access"(server) {
    const { FLUXBASE_SECRET_API_KEY } = await envOf(server, "env?namespace=prod");
    assertEquals(FLUXBASE_SECRET_API_KEY, "of-the-namespace");
    const names = Object.keys(await envOf(server, "env"));
    assertEquals(names.filter((name) => name.includes("LIMIT")), []);
    assertEquals((await read(server, "api.limit"))[0], "of-the-system");
  },
  async "Version history"(server) {
    await type(server, "secrets set API_KEY of-the-function-2");
    await type(server, "settings secrets set api.limit of-the-system-2");
    assertEquals((await type(server, "secrets history API_KEY")).trim().split("\n").length, 3);
    assertEquals((await server.cli(["settings", "secrets", "history", "api.limit"])).code, 2);
    for (const [path, status] of [["api.limit/history", 400], ["api.limit/versions", 400]]) {
      const told = await server.ask("GET", `/api/v1/admin/settings/custom/secret/${path}`);
      assertEquals(told.status, status);
    }
  },
};

testOnSites("the guide's table of the two systems is true, row by row", async (site) => {
  await site.write("read.js", READ);
  for (const path of ["env.js", "@prod/env.js"]) {
    await site.write(path, `export default () => Response.json(Deno.env.toObject())`);
  }
  await withServer(site, async (server) => {
    await type(server, "secrets set API_KEY of-the-function");
    await type(server, "secrets set API_KEY of-the-namespace --namespace prod");
    await type(server, "settings secrets set api.limit of-the-system");
    await type(server, `settings secrets set api.limit of-ann --user-id ${ANN}`);
    for (const [row, check] of Object.entries(ROWS)) {
      await check(server).catch((cause) => {
        throw new Error(`The row '${row}' is not true`, { cause });
      });
    }
  }, WITH_TOKENS);
  const stored = await withDatabaseOf(site, allRows);
  // The record of who did what names both kinds; it holds neither.
  const kept = stored.filter(({ table }) => table !== "app.audit");
  const tablesWith = (column: string, value: string) =>
    kept.flatMap(({ table, text }) => JSON.parse(text)[column] === value ? [table] : []);
  assertEquals(tablesWith("key", "api.limit"), ["app.settings", "app.settings"], "Storage");
  const secrets = tablesWith("name", "API_KEY");
  assertEquals(secrets, ["functions.secrets", "functions.secrets"], "Storage");
});

testOnSites(
  "two users call one warm function at once, and each change is seen at once",
  async (site) => {
    await site.write("read.js", READ);
    await withServer(site, async (server) => {
      const tokens = [await tokenOf(ANN), await tokenOf(BOB)];
      const sdks = tokens.map((token) => new Sdk(server, token));
      for (const [i, sdk] of sdks.entries()) await sdk.setSecret("key", `value ${i} 0`);
      let sent = 0;
      const caller = async (i: number) => {
        while (sent++ < 600) {
          const seen = await read(server, "key", tokens[i]!);
          assert(new Set(seen.filter((value) => value !== null)).size === 1, JSON.stringify(seen));
          assert(String(seen[0]).startsWith(`value ${i} `), JSON.stringify(seen));
        }
      };
      const changer = async (i: number) => {
        for (let change = 1; sent < 600; change++) {
          await sdks[i]!.setSecret("key", `value ${i} ${change}`);
          assertEquals((await read(server, "key", tokens[i]!))[0], `value ${i} ${change}`);
        }
      };
      const callers = Array.from({ length: 16 }, (_, i) => caller(i % 2));
      await Promise.all([...callers, changer(0), changer(1)]);
      const named = { "x-fluxbase-user": ANN };
      const acted = await server.call("read?key=key", { headers: named });
      assert(acted.text.includes("value 0 "), acted.text);
      assertEquals(
        (await server.call("read?key=key", { key: tokens[1]!, headers: named })).status,
        403,
      );
    }, WITH_TOKENS);
  },
);

/** Spills what it can read into everything that is recorded. */
const SPILL = `const kept = new Set();
export default (request) => {
  for (const name of ["typed", "own", "system"]) {
    const value = secrets.get(name);
    if (value !== undefined) kept.add(value);
  }
  for (const value of kept) {
    console.log("printed", value, { value }, new URL("http://x/?v=" + encodeURIComponent(value)).href);
    console.error(JSON.stringify({ value }), btoa(value));
  }
  if (request.method === "POST") throw new Error([...kept].join(" "));
  return new Response("done", { headers: { "x-value": [...kept].join() } });
};`;

testOnSites(
  "a setting's value is found nowhere, whatever a function does with it",
  async (site) => {
    await site.write("spill.js", SPILL);
    const canaries = ["typed", "own", "system", "refused"].map((name) => new Canary(name));
    const [typed, own, system, refused] = canaries as [Canary, Canary, Canary, Canary];
    const search = new Search(canaries);
    const lookAt = ({ headers, text }: { headers: Headers; text: string }) => {
      search.look("an answer", text + JSON.stringify([...headers]));
    };
    const { out, err } = await withServer(site, async (server) => {
      const key = await tokenOf(ANN);
      const lines = [
        await server.cli(["settings", "secrets", "set", "typed", typed.with(), "--user-id", ANN]),
        await server.cli(["settings", "secrets", "set", "not a key", refused.with()]),
        await server.cli(["settings", "secrets", "get", "typed", "--user-id", ANN, "-o", "yaml"]),
      ];
      for (const line of lines) search.look("the command line", line.out + line.err);
      const system_path = "/api/v1/admin/settings/custom/secret";
      const paths = [["/api/v1/settings/secret/", "own", own, key], [
        system_path,
        "system",
        system,
      ]];
      for (const [path, name, canary, token] of paths as [string, string, Canary, string?][]) {
        const json = { key: name, value: canary.with() };
        const auth = token === undefined ? {} : { key: token };
        lookAt(await server.ask("POST", path, { json, ...auth }));
        lookAt(
          await server.ask("POST", path, { json: { ...json, value: refused.with() }, ...auth }),
        );
        lookAt(await server.ask("GET", `${path.replace(/\/$/, "")}/${name}`, auth));
        const bad = { key: refused.with("/"), value: [refused.with()] };
        lookAt(await server.ask("POST", path, { json: bad, ...auth }));
        lookAt(await server.ask("PUT", `${path}/${refused.with("%2F")}`, { json, ...auth }));
      }
      for (const caller of [key, await tokenOf(BOB)]) {
        for (const method of ["GET", "POST"]) {
          lookAt(await server.call("spill", { method, key: caller }));
        }
      }
      await until("what was printed is recorded", async () => {
        const path = "/api/v1/functions/spill/executions";
        const told = await server.ask("GET", path);
        search.look("executions", told.text);
        return JSON.parse(told.text).length >= 4;
      });
      await search.lookAtProcess(server.pid);
    }, WITH_TOKENS);
    search.look("the log", out + err);
    await search.lookBelow(
      site.dataDir,
      site.kind === "embedded" ? [] : [`${site.dataDir}/database`],
    );
    const rows = await withDatabaseOf(site, allRows);
    for (const { table, text, binary } of rows) {
      search.look(table, text);
      for (const bytes of binary) search.look(`${table}, binary`, bytes);
    }
    assertEquals([...new Set(search.finds)], []);
    assert(
      rows.some(({ text }) => text.includes("printed ***")),
      "what was printed is in the rows",
    );
  },
);
