import { assertEquals } from "@std/assert";
import { RECORDED_ACTIONS } from "../../lib/http/actions.ts";
import { ACCESS } from "../http/access_table.ts";
import {
  type Answer,
  ask,
  bearer,
  MINE,
  prepare,
  routesOf,
  send,
  type Server,
  withWholeServer,
} from "../http/access_world.ts";
import type { Site } from "../support/site.ts";
import { until } from "../support/until.ts";
import { oidcFile, PREPARED } from "./prepared.ts";

const JOB = "export default () => {};";

/** Routes that change nothing, each with the reason. */
const UNRECORDED: Readonly<Record<string, string>> = {
  "ALL /api/v1/functions/:name/invoke": "the execution is its record",
  "POST /api/v1/admin/keyring/verify": "it only looks",
};

interface Listed {
  readonly records: readonly { readonly request_id: string; readonly action: string }[];
}

async function recordsOf({ app, adminKey }: Server, requestId: string): Promise<string[]> {
  const init = { headers: bearer(adminKey) };
  const response = await app.request("/api/v1/admin/audit?limit=100", init, {
    address: "192.0.2.1",
  });
  const { records } = await response.json() as Listed;
  return records.filter((each) => each.request_id === requestId).map(({ action }) => action);
}

/** Prepares a route, asks it, and gives the answer. */
async function askPrepared(server: Server, route: string, requestId: string): Promise<Answer> {
  const head = { "x-request-id": requestId };
  const makeReady = PREPARED[route];
  if (makeReady === undefined) {
    const at = await prepare(server, MINE, ACCESS[route]!.uses);
    return await ask(server, route, at, { ...bearer(server.adminKey), ...head });
  }
  const { credential = bearer(server.adminKey), ...asked } = await makeReady(server);
  const [method] = route.split(" ") as [string];
  return await send(server, method, asked, { ...credential, ...head });
}

Deno.test("every route that changes something leaves a record of its request", async () => {
  const configure = async (site: Site, jwksFile: string) => {
    const file = `${site.directory}/oidc.json`;
    await Deno.writeTextFile(file, oidcFile(jwksFile));
    await Deno.mkdir(`${site.directory}/jobs/@${MINE}`, { recursive: true });
    await Deno.writeTextFile(`${site.directory}/jobs/@${MINE}/hello.js`, JOB);
    return { FLUXBASE_OIDC_FILE: file };
  };
  await withWholeServer(async (server) => {
    const silent: string[] = [];
    const refused: string[] = [];
    const mutating = routesOf(server).filter((route) =>
      !route.startsWith("GET ") && !(route in UNRECORDED)
    );
    const first = Object.keys(PREPARED).filter((route) => mutating.includes(route));
    for (const route of new Set([...first, ...mutating])) {
      const requestId = crypto.randomUUID();
      const { status, body } = await askPrepared(server, route, requestId);
      if (status >= 400) {
        refused.push(`${route}: ${body}`);
        continue;
      }
      const found = await until(
        `a record of ${route}`,
        async () => (await recordsOf(server, requestId)).length > 0,
      ).catch(() => false);
      if (!found) silent.push(route);
    }
    assertEquals(silent, []);
    assertEquals(refused, [], "prepare what they need in prepared.ts");
    const known = [...Object.keys(RECORDED_ACTIONS), ...Object.keys(PREPARED)];
    const unknown = known.filter((route) => !mutating.includes(route));
    assertEquals(unknown, [], "actions and preparations of what is no route");
  }, { configure });
});
