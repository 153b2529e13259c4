import { assertEquals } from "@std/assert";
import { RECORDED_ACTIONS } from "../../lib/http/actions.ts";
import { ACCESS } from "../http/access_table.ts";
import {
  ask,
  bearer,
  MINE,
  prepare,
  routesOf,
  type Server,
  withWholeServer,
} from "../http/access_world.ts";
import { until } from "../support/until.ts";

/** Routes that change nothing, each with the reason. */
const UNRECORDED: Readonly<Record<string, string>> = {
  "ALL /api/v1/functions/:name/invoke": "the execution is its record",
  "POST /api/v1/admin/keyring/verify": "it only looks",
  "POST /api/v1/admin/secrets/restore": "asked for a dry run, it only looks",
  "POST /api/v1/secrets/restore": "asked for a dry run, it only looks",
};

/**
 * Routes that answer here with an error, since what they are about isn't there. Each is about rows
 * whose head takes no change without a record, or stands in the table of recorded actions.
 */
const REFUSED_HERE: readonly string[] = [
  "DELETE /api/v1/admin/functions/:name",
  "DELETE /api/v1/admin/jobs/:name",
  "DELETE /api/v1/admin/settings/custom/secret/:key{.+}",
  "DELETE /api/v1/functions/:name",
  "DELETE /api/v1/jobs/schedules/:name",
  "DELETE /api/v1/settings/secret/:key{.+}",
  "POST /api/v1/admin/backup/restore",
  "POST /api/v1/admin/functions/:name/rollback",
  "POST /api/v1/admin/functions/sync",
  "POST /api/v1/admin/jobs/:name/rollback",
  "POST /api/v1/admin/jobs/sync",
  "POST /api/v1/admin/keyring/keys/:id/retire",
  "POST /api/v1/admin/secrets/:name/restore",
  "POST /api/v1/auth/oidc",
  "POST /api/v1/jobs/:id/cancel",
  "POST /api/v1/jobs/:id/retry",
  "POST /api/v1/jobs/submit",
  "POST /api/v1/secrets/by-name/:name/restore",
  "POST /api/v1/settings/secret",
  "PUT /api/v1/admin/settings/custom/secret/:key{.+}",
  "PUT /api/v1/functions/:name",
  "PUT /api/v1/jobs/schedules/:name",
  "PUT /api/v1/settings/secret/:key{.+}",
];

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

Deno.test("every route that changes something leaves a record of its request", async () => {
  await withWholeServer(async (server) => {
    const silent: string[] = [];
    const refused: string[] = [];
    const mutating = routesOf(server).filter((route) =>
      !route.startsWith("GET ") && !(route in UNRECORDED)
    );
    for (const route of mutating) {
      const { uses } = ACCESS[route]!;
      const at = await prepare(server, MINE, uses);
      const requestId = crypto.randomUUID();
      const credential = { ...bearer(server.adminKey), "x-request-id": requestId };
      const { status } = await ask(server, route, at, credential);
      if (status >= 400) {
        refused.push(route);
        continue;
      }
      const found = await until(
        `a record of ${route}`,
        async () => (await recordsOf(server, requestId)).length > 0,
      ).catch(() => false);
      if (!found) silent.push(route);
    }
    assertEquals(silent, []);
    assertEquals(refused.toSorted(), REFUSED_HERE);
    const unknown = Object.keys(RECORDED_ACTIONS).filter((route) => !mutating.includes(route));
    assertEquals(unknown, [], "recorded actions that are no route");
  });
});
