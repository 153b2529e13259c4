import { assert, assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../support/cli.ts";
import { run } from "../support/shared.ts";
import { type ServerProcess, withServer } from "../support/server.ts";
import { testOnSites } from "../support/site.ts";

/** The guide's command lines, in its order. */
const TYPED: readonly string[] = [
  `list`,
  `list --scope global`,
  `list --scope namespace`,
  `list --namespace production`,
  `set API_KEY "sk-your-api-key"`,
  `set DATABASE_URL "postgres://..." --scope namespace --namespace production`,
  `set STRIPE_KEY "sk_live_..." --description "Stripe production API key"`,
  `set TEMP_TOKEN "xyz" --expires 30d`,
  `get API_KEY`,
  `get DATABASE_URL --namespace production`,
  `delete API_KEY`,
  `delete DATABASE_URL --namespace production`,
  // The guide goes on with a secret that it has just deleted, and rolls back to its version 2.
  `set API_KEY "sk-your-api-key"`,
  `set API_KEY "second value"`,
  `history API_KEY`,
  `rollback API_KEY 2`,
  `set STRIPE_KEY "sk_test_..." --scope namespace --namespace development`,
  `set STRIPE_KEY "sk_live_..." --scope namespace --namespace production`,
  `set TEMP_TOKEN "xyz" --expires 30d`,
  `set ANNUAL_KEY "abc" --expires 1y`,
  `set SENDGRID_API_KEY "..." --description "SendGrid transactional email API key"`,
  `set KEY1 "..."`,
  `set API_KEY "new-value"`,
  `history API_KEY`,
  `rollback API_KEY 1`,
];

const SHOW = `export default () => Response.json(Deno.env.toObject())`;

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

async function injected(server: ServerProcess, name: string): Promise<Record<string, string>> {
  const { status, text } = await server.call(name);
  assertEquals(status, 200, text);
  return JSON.parse(text);
}

testOnSites("the guide's command lines, typed in order, are what functions get", async (site) => {
  await Deno.remove(site.dataDir, { recursive: true }).catch(() => {});
  for (const path of ["show.ts", "@production/show.ts", "@development/show.ts"]) {
    await site.write(path, SHOW);
  }
  await withServer(site, async (server) => {
    for (const line of TYPED) {
      const { code, err } = await server.cli(["secrets", ...words(line)]);
      assertEquals(code, 0, `${line}\n${err}`);
    }
    const history = await server.cli(["secrets", "history", "API_KEY"]);
    assertMatch(history.out, /^VERSION.*\n5 .*\n4 .*\n3 .*\n2 .*\n1 .*\n$/);
    const listed = JSON.parse((await server.cli(["secrets", "list", "-o", "json"])).out);
    const days = (name: string) => {
      const { expires_at, updated_at } = listed.find((s: { name: string }) => s.name === name);
      return (Date.parse(expires_at) - Date.parse(updated_at)) / 86_400_000;
    };
    assertEquals(Math.round(days("TEMP_TOKEN")), 30);
    assert([365, 366].includes(Math.round(days("ANNUAL_KEY"))));
    const env = await injected(server, "show");
    assertEquals(env["FLUXBASE_SECRET_API_KEY"], "sk-your-api-key");
    assertEquals(env["FLUXBASE_SECRET_STRIPE_KEY"], "sk_live_...");
    assertEquals(env["FLUXBASE_SECRET_DATABASE_URL"], undefined);
    const developed = await injected(server, "show?namespace=development");
    assertEquals(developed["FLUXBASE_SECRET_STRIPE_KEY"], "sk_test_...");
    assertEquals(developed["FLUXBASE_SECRET_API_KEY"], "sk-your-api-key");
  });
});

testOnSites("the steps that a first start prints end in the secret's value", async (site) => {
  await withServer(site, async (server) => {
    const [, steps = ""] = server.out.split("Next, in another terminal:\n");
    const [copy = "", ...commands] = steps.trimEnd().split("\n").map((line) => line.trim());
    await run("sh", "-c", `cd '${ROOT}' && ${copy}`);
    let said = "";
    for (const line of commands) {
      const [, typed = ""] = line.split(" cli ");
      const { code, out, err } = await server.cli(words(typed));
      assertEquals(code, 0, `${line}\n${err}`);
      said = out;
    }
    assertEquals(JSON.parse(said), { message: "Good morning, world!", secretIsSet: true });
  });
});

const BODY = {
  name: "API_KEY",
  value: "sk-your-secret-key",
  scope: "global",
  namespace: "",
  description: "External API key",
  expires_at: "2099-12-31T00:00:00Z",
};
const BASE = "/api/v1/admin/secrets";

testOnSites("the guide's endpoints take the guide's body", async (site) => {
  await site.write("show.ts", SHOW);
  await withServer(site, async (server) => {
    const steps: readonly (readonly [string, string, unknown, number, RegExp])[] = [
      ["GET", BASE, undefined, 200, /^\[\]$/],
      ["POST", BASE, BODY, 201, /"version":1,"expires_at":"2099-12-31T00:00:00.000Z"/],
      ["POST", BASE, BODY, 409, /"code":"CONFLICT"/],
      ["GET", `${BASE}/API_KEY`, undefined, 200, /"description":"External API key"/],
      ["PUT", `${BASE}/API_KEY`, { ...BODY, value: "second" }, 200, /"version":2/],
      ["GET", `${BASE}/API_KEY/history`, undefined, 200, /"version":2.*"version":1/],
      ["POST", `${BASE}/API_KEY/rollback`, { version: 1 }, 200, /"version":3/],
      ["GET", BASE, undefined, 200, /^\[\{[^{]*"version":3[^{]*\}\]$/],
    ];
    for (const [method, path, json, status, shape] of steps) {
      const told = await server.ask(method, path, json === undefined ? {} : { json });
      assertEquals(told.status, status, `${method} ${path}\n${told.text}`);
      assertMatch(told.text, shape, `${method} ${path}`);
      assert(!told.text.includes(BODY.value) && !told.text.includes("second"), told.text);
    }
    assertEquals((await injected(server, "show"))["FLUXBASE_SECRET_API_KEY"], BODY.value);
    assertEquals((await server.ask("DELETE", `${BASE}/API_KEY`)).status, 200);
    assertEquals((await server.ask("GET", `${BASE}/API_KEY`)).status, 404);
    assertEquals((await injected(server, "show"))["FLUXBASE_SECRET_API_KEY"], undefined);
  });
});

testOnSites("a secret of the server's own environment wins over the stored one", async (site) => {
  await site.write("show.ts", SHOW);
  await site.write("@shop/show.ts", SHOW);
  const env = {
    FLUXBASE_SECRET_API_KEY: "your-key",
    FLUXBASE_SECRET_DATABASE_URL: "postgres://...",
  };
  await withServer(site, async (server) => {
    await server.set("API_KEY", "a stored value");
    const json = { name: "API_KEY", value: "a stored value", namespace: "shop" };
    assertEquals((await server.ask("POST", BASE, { json })).status, 201);
    for (const name of ["show", "show?namespace=shop"]) {
      const seen = await injected(server, name);
      assertEquals(seen["FLUXBASE_SECRET_API_KEY"], "your-key");
      assertEquals(seen["FLUXBASE_SECRET_DATABASE_URL"], "postgres://...");
    }
  }, { env });
});
