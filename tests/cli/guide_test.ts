import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Api, withApi } from "../support/api.ts";
import { runCli } from "../support/cli.ts";
import { testOverDatabases } from "../support/world.ts";

/** Splits a line of the guide into words, as a shell does for what the guide uses. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

/** Each line of the guide's section on the command line, in its order, and what is to be seen. */
const GUIDE: readonly (readonly [line: string, out: RegExp])[] = [
  ["list", /^No secrets found\.\n$/],
  [
    'set API_KEY "sk-your-api-key"',
    /^Secret 'API_KEY' created\.\nThe secret will be available as FLUXBASE_SECRET_API_KEY in edge functions\.\n$/,
  ],
  [
    'set DATABASE_URL "postgres://..." --scope namespace --namespace production',
    /^Secret 'DATABASE_URL' created\.\n/,
  ],
  ['set STRIPE_KEY "sk_live_..." --description "Stripe production API key"', /created\.\n/],
  ['set TEMP_TOKEN "xyz" --expires 30d', /created\.\n.*\nIt expires at \d{4}-.*Z\.\n$/],
  ["list", /^NAME +SCOPE +NAMESPACE +VERSION +EXPIRES +UPDATED\nAPI_KEY +global +- +1 +never +2/],
  ["list --scope global", /^NAME.*\nAPI_KEY.*\nSTRIPE_KEY.*\nTEMP_TOKEN.*\n$/],
  ["list --scope namespace", /^NAME.*\nDATABASE_URL +namespace +production.*\n$/],
  ["list --namespace production", /^NAME.*\nDATABASE_URL +namespace +production.*\n$/],
  ["get API_KEY", /^\{\n {2}"id": "[^"]+",\n {2}"name": "API_KEY",\n {2}"scope": "global",/],
  ["get DATABASE_URL --namespace production", /"namespace": "production"/],
  ['set STRIPE_KEY "sk_test_..." --scope namespace --namespace development', /created\.\n/],
  ['set STRIPE_KEY "sk_live_..." --scope namespace --namespace production', /created\.\n/],
  ['set TEMP_TOKEN "xyz" --expires 30d', /^Secret 'TEMP_TOKEN' updated\.\n/],
  ['set ANNUAL_KEY "abc" --expires 1y', /created\.\n/],
  ['set SENDGRID_API_KEY "..." --description "SendGrid transactional email API key"', /created/],
  ['set KEY1 "..."', /created\.\n/],
  ['set API_KEY "new-value"', /^Secret 'API_KEY' updated\.\n/],
  ["history API_KEY", /^VERSION +CREATED AT +CREATED BY\n2 +2\S+Z +\S+\n1 +2\S+Z +\S+\n$/],
  [
    "rollback API_KEY 1",
    /^Secret 'API_KEY' rolled back to version 1\.\nIts value is now version 3\.\n$/,
  ],
  ["rollback API_KEY 2", /rolled back to version 2\.\nIts value is now version 4\.\n$/],
  ["delete API_KEY", /^Secret 'API_KEY' deleted\.\n$/],
  ["delete DATABASE_URL --namespace production", /^Secret 'DATABASE_URL' deleted\.\n$/],
];

async function typeGuide(api: Api, env: Record<string, string>): Promise<string> {
  let printed = "";
  for (const [line, want] of GUIDE) {
    const { code, out, err } = await runCli(["secrets", ...words(line)], { env });
    assertEquals(code, 0, `${line}\n${err}`);
    assertMatch(out, want, line);
    printed += out + err;
    if (line.startsWith("rollback API_KEY 1")) {
      assertEquals(await api.reveal("API_KEY"), "sk-your-api-key");
    }
  }
  return printed;
}

const overDatabases = testOverDatabases();

overDatabases("the guide's commands work in the order of the guide", async (world) => {
  const directory = await Deno.makeTempDir();
  try {
    await withApi(world, async (api) => {
      // As on the server's own machine: no key is given, it is found.
      await Deno.writeTextFile(`${directory}/admin.key`, `${api.adminKey}\n`);
      const env = { FLUXBASE_PORT: String(api.port), FLUXBASE_DATA_DIR: directory };
      const printed = await typeGuide(api, env);
      for (const value of ["sk-your-api-key", "sk_live", "xyz", "new-value", api.adminKey]) {
        assert(!printed.includes(value), value);
      }
      assertEquals(await api.reveal("STRIPE_KEY", "development"), "sk_test_...");
      assertEquals(await api.reveal("STRIPE_KEY"), "sk_live_...");
      assertEquals(await api.reveal("API_KEY"), undefined);
      assertStringIncludes(printed, "Values under 6 characters cannot be masked");
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
