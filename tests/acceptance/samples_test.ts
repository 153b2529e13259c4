import { assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../support/cli.ts";
import { whyNoFalseNames, withFalseHost } from "../support/false_host.ts";
import { withServer } from "../support/server.ts";
import { type Site, testOnSites } from "../support/site.ts";

const HOST = "api.sendgrid.com";
const unplayable = await whyNoFalseNames();
if (unplayable !== undefined) console.log(`The sample's fetch is not tried: ${unplayable}`);

/** Puts the guide's samples, as printed, where the server serves them. */
async function copySamples(site: Site): Promise<void> {
  for (const name of ["send_email", "charge"]) {
    await site.write(`${name}.ts`, await Deno.readTextFile(`${ROOT}examples/functions/${name}.ts`));
  }
}

testOnSites("the samples say so while their secret is missing", async (site) => {
  await copySamples(site);
  await withServer(site, async (server) => {
    const mail = await server.call("send_email");
    assertEquals([mail.status, mail.text], [500, "Missing API key"]);
    const charge = await server.call("charge");
    assertEquals([charge.status, JSON.parse(charge.text).code], [500, "FUNCTION_FAILED"]);
    const log = await server.cli(["secrets", "set", "STRIPE_SECRET_KEY", "sk_live_a value"]);
    assertEquals(log.code, 0, log.err);
    const charged = await server.call("charge");
    assertEquals([charged.status, charged.text], [204, ""]);
  });
});

testOnSites(
  "the sample with environment variables sends its key to the mail host",
  async (site) => {
    if (unplayable !== undefined) return;
    await copySamples(site);
    await withFalseHost(HOST, async ({ arrived, authority, through }) => {
      const env = {
        FLUXBASE_FUNCTIONS_ALLOW_NET: HOST,
        FLUXBASE_FUNCTIONS_CA_FILE: authority,
      };
      const secret = "SG.a-key_with.marks+/=";
      await withServer(site, async (server) => {
        const set = await server.cli(["secrets", "set", "SENDGRID_API_KEY", secret]);
        assertEquals(set.code, 0, set.err);
        const told = await server.call("send_email", { json: { to: "somebody" } });
        assertEquals([told.status, told.text], [200, "Email sent"]);
      }, { env, through });
      assertEquals(arrived.length, 1);
      const { method, url, headers, text } = arrived[0]!;
      assertEquals([method, text], ["POST", "{}"]);
      assertMatch(url, /^https:\/\/api\.sendgrid\.com(:443)?\/v3\/mail\/send$/);
      assertEquals(headers.get("authorization"), `Bearer ${secret}`);
      assertEquals(headers.get("content-type"), "application/json");
    });
  },
);

testOnSites("a sample whose host is not on the list reaches nobody", async (site) => {
  if (unplayable !== undefined) return;
  await copySamples(site);
  await withFalseHost(HOST, async ({ arrived, authority, through }) => {
    // The name leads to this machine, which is closed unless the operator names it.
    await withServer(site, async (server) => {
      await server.set("SENDGRID_API_KEY", "SG.a-key");
      const told = await server.call("send_email");
      assertEquals([told.status, JSON.parse(told.text).code], [500, "FUNCTION_FAILED"]);
    }, { env: { FLUXBASE_FUNCTIONS_CA_FILE: authority }, through });
    assertEquals(arrived.length, 0);
  });
});
