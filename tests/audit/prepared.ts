/**
 * Routes that can only be answered well where something is there already: how each is prepared, and
 * how it is asked then.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { SignJWT } from "jose";
import type { Asked } from "../http/access_table.ts";
import { admin, bearer, MINE, prepare, send, type Server, token } from "../http/access_world.ts";
import { until } from "../support/until.ts";

/** How a prepared route is asked. */
export interface Prepared extends Asked {
  /** Instead of the administrator's. */
  readonly credential?: Readonly<Record<string, string>>;
}

type Prepare = (server: Server) => Promise<Prepared>;

/** Whose tokens are traded for keys, as {@linkcode oidcFile} says. */
const ISSUER = "https://ci.test";
const HERE = `namespace=${MINE}`;
const SETTINGS = "/api/v1/admin/settings/custom/secret";
const OWN = "/api/v1/settings/secret";
const JOBS = "/api/v1/jobs";
const SCHEDULE = { path: `${JOBS}/schedules/hello?${HERE}`, json: { cron: "0 0 1 1 *" } };
const value = { value: "value-2" };

/** By route. A restore needs an empty database, and so comes before all else. */
export const PREPARED: Readonly<Record<string, Prepare>> = {
  "POST /api/v1/admin/backup/restore": backup,
  ...codeRoutes("functions"),
  ...codeRoutes("jobs"),
  "PUT /api/v1/functions/:name": async (server) => ({
    path: await deployed(server, "functions", "/api/v1/functions"),
    json: { timeout_seconds: 7 },
  }),
  "DELETE /api/v1/functions/:name": async (server) => ({
    path: await deployed(server, "functions", "/api/v1/functions"),
  }),
  "POST /api/v1/jobs/submit": () => Promise.resolve(submission({})),
  "POST /api/v1/jobs/:id/cancel": async (server) => ({
    path: `${JOBS}/${await waiting(server)}/cancel`,
  }),
  "POST /api/v1/jobs/:id/retry": async (server) => {
    const id = await waiting(server);
    await good(server, "POST", `${JOBS}/${id}/cancel`);
    return { path: `${JOBS}/${id}/retry` };
  },
  "PUT /api/v1/jobs/schedules/:name": () => Promise.resolve(SCHEDULE),
  "DELETE /api/v1/jobs/schedules/:name": async (server) => {
    await good(server, "PUT", SCHEDULE.path, SCHEDULE.json);
    return { path: SCHEDULE.path };
  },
  "PUT /api/v1/admin/settings/custom/secret/:key{.+}": async (server) => ({
    path: `${SETTINGS}/${await setting(server)}`,
    json: value,
  }),
  "DELETE /api/v1/admin/settings/custom/secret/:key{.+}": async (server) => ({
    path: `${SETTINGS}/${await setting(server)}`,
  }),
  "POST /api/v1/settings/secret": async (server) => ({
    path: OWN,
    json: { ...value, key: "mine" },
    credential: await user(server),
  }),
  "PUT /api/v1/settings/secret/:key{.+}": async (server) => ({
    path: `${OWN}/${await ownSetting(server)}`,
    json: value,
    credential: await user(server),
  }),
  "DELETE /api/v1/settings/secret/:key{.+}": async (server) => ({
    path: `${OWN}/${await ownSetting(server)}`,
    credential: await user(server),
  }),
  "POST /api/v1/admin/keyring/keys/:id/retire": async (server) => {
    const ring = "/api/v1/admin/keyring";
    await good(server, "POST", `${ring}/rotate`, { purposes: ["digest"] });
    const keys = (await good(server, "GET", ring)).keys as Record<string, unknown>[];
    const old = keys.find(({ purpose, status }) => purpose === "digest" && status === "enabled");
    return { path: `${ring}/keys/${old?.id}/retire`, json: {} };
  },
  "POST /api/v1/admin/secrets/:name/restore": (server) => deleted(server, "/api/v1/admin/secrets"),
  "POST /api/v1/secrets/by-name/:name/restore": (server) =>
    deleted(server, "/api/v1/secrets/by-name"),
  "POST /api/v1/admin/secrets/restore": (server) => before(server, "/api/v1/admin/secrets"),
  "POST /api/v1/secrets/restore": (server) => before(server, "/api/v1/secrets"),
  "POST /api/v1/auth/oidc": async ({ rsa }) => {
    const made = new SignJWT({ iss: ISSUER, aud: "fluxbase", sub: "job" })
      .setProtectedHeader({ alg: "RS256", kid: "k" }).setIssuedAt().setExpirationTime("5m");
    const json = { token: await made.sign(rsa.privateKey) };
    return { path: "/api/v1/auth/oidc", json, credential: {} };
  },
};

/** The settings of the exchange, for a server whose keys lie in `jwksFile`. */
export function oidcFile(jwksFile: string): string {
  const rules = [{ claims: { sub: "job" }, grants: [`secrets:list @ ${MINE}`] }];
  const issuer = { name: "ci", issuer: ISSUER, audience: "fluxbase", jwks_file: jwksFile, rules };
  return JSON.stringify({ issuers: [issuer] });
}

/** Asks as the administrator, for what must succeed. */
async function good(
  server: Server,
  method: string,
  path: string,
  json?: unknown,
  credential: Readonly<Record<string, string>> = bearer(server.adminKey),
): Promise<Record<string, unknown>> {
  const { status, body } = await send(server, method, { path, json }, credential);
  assertEquals(Math.floor(status / 100), 2, `${method} ${path}: ${body}`);
  return body === "" ? {} : JSON.parse(body);
}

async function backup(server: Server): Promise<Prepared> {
  const identity = await generateIdentity();
  const response = await server.app.request("/api/v1/admin/backup", {
    method: "POST",
    headers: { ...bearer(server.adminKey), "content-type": "application/json" },
    body: JSON.stringify({ recipients: [await identityToRecipient(identity)] }),
  });
  const first = `${JSON.stringify({ identities: [identity] })}\n`;
  const body = new Blob([first, await response.arrayBuffer()]);
  const type = "application/octet-stream";
  return { path: "/api/v1/admin/backup/restore", raw: { type, body: await body.bytes() } };
}

type CodeKinds = "functions" | "jobs";

function codeRoutes(kinds: CodeKinds): Record<string, Prepare> {
  const base = `/api/v1/admin/${kinds}`;
  return {
    [`POST ${base}/sync`]: () =>
      Promise.resolve({ path: `${base}/sync`, json: sync(kinds, name()) }),
    [`DELETE ${base}/:name`]: async (server) => ({ path: await deployed(server, kinds, base) }),
    [`POST ${base}/:name/rollback`]: async (server) => {
      const path = await deployed(server, kinds, base);
      return { path: path.replace("?", "/rollback?"), json: { version: 1 } };
    },
  };
}

/** Deploys something of its own, and gives its path. */
async function deployed(server: Server, kinds: CodeKinds, base: string): Promise<string> {
  const own = name();
  for (const version of [1, 2]) {
    await good(server, "POST", `/api/v1/admin/${kinds}/sync`, sync(kinds, own, version));
  }
  return `${base}/${own}?${HERE}`;
}

function sync(kinds: CodeKinds, name: string, version: number = 1) {
  const code = `export default () => new Response("${version}");`;
  return { namespace: MINE, [kinds]: [{ name, code }] };
}

function name(): string {
  return `n${crypto.randomUUID()}`;
}

function submission(more: Record<string, unknown>): Prepared {
  return { path: `${JOBS}/submit`, json: { job_name: "hello", namespace: MINE, ...more } };
}

/** The id of a job that isn't run yet. */
async function waiting(server: Server): Promise<string> {
  const scheduled_at = new Date(Date.now() + 3_600_000).toISOString();
  const { path, json } = submission({ scheduled_at });
  return String((await good(server, "POST", path, json)).id);
}

async function setting(server: Server): Promise<string> {
  const key = name();
  await good(server, "POST", SETTINGS, { ...value, key });
  return key;
}

async function user(server: Server): Promise<Record<string, string>> {
  return bearer(await token(server, "authenticated"));
}

async function ownSetting(server: Server): Promise<string> {
  const key = name();
  await good(server, "POST", OWN, { ...value, key }, await user(server));
  return key;
}

async function deleted(server: Server, base: string): Promise<Prepared> {
  const { secret } = await prepare(server, MINE, "secret");
  await admin(server, "DELETE", `/api/v1/admin/secrets/${secret}?${HERE}`);
  return { path: `${base}/${secret}/restore?${HERE}`, json: {} };
}

/** Goes back to before a secret was deleted. */
async function before(server: Server, base: string): Promise<Prepared> {
  const { secret } = await prepare(server, MINE, "secret");
  const at = Date.now();
  await until("a moment has passed", () => Date.now() > at);
  await admin(server, "DELETE", `/api/v1/admin/secrets/${secret}?${HERE}`);
  return { path: `${base}/restore`, json: { at: new Date(at).toISOString(), namespace: MINE } };
}
