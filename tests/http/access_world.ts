/**
 * A whole server whose routes are asked with every kind of credential, without a socket.
 *
 * @module
 */
import { assert } from "@std/assert";
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import type { Hono } from "hono";
import { createLog } from "../../lib/log.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { generateServiceKey } from "../../lib/auth/service_key_text.ts";
import type { Action } from "../../lib/principal/principal.ts";
import { readConfig } from "../../lib/server/config.ts";
import { startServer } from "../../main.ts";
import { type Site, withSite } from "../support/site.ts";
import { until } from "../support/until.ts";
import { ACCESS, type Asked, type At, type Row } from "./access_table.ts";

const SECRET = "a shared secret of 32 bytes or more";
const claims = { iss: "https://id.test", aud: "fluxbase" };
const NOBODY = "00000000-0000-4000-8000-000000000000";
export const MINE = "mine";
export const THEIRS = "theirs";
export const NOWHERE = "nowhere";

/** A whole server, asked without a socket. */
export interface Server {
  readonly app: Hono<AppEnv>;
  readonly adminKey: string;
  readonly rsa: CryptoKeyPair;
  /** Keys that were made, by their grants. */
  readonly made: Map<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** The answer without what is different each time. */
export function comparable({ status, body, headers }: Answer) {
  const names = [...headers.keys()].filter((name) => name !== "x-fluxbase-execution-id");
  return { status, body: body.replace(/"request_id":"[^"]+"/, ""), names };
}

/** Asks a route as its row in the table says. */
export async function ask(
  server: Server,
  route: string,
  at: At,
  credential: Record<string, string>,
  address = "192.0.2.1",
): Promise<Answer> {
  const [method] = route.split(" ") as [string];
  const asked = ACCESS[route]!.ask(at);
  return await send(server, method === "ALL" ? "POST" : method, asked, credential, address);
}

/** Sends a request. */
export async function send(
  { app }: Server,
  method: string,
  { path, json, raw }: Asked,
  credential: Readonly<Record<string, string>>,
  address = "192.0.2.1",
): Promise<Answer> {
  const init: RequestInit = { method, headers: { ...credential } };
  if (json !== undefined && init.method !== "GET") {
    init.headers = { ...init.headers, "content-type": "application/json" };
    init.body = JSON.stringify(json);
  }
  if (raw !== undefined) {
    init.headers = { ...init.headers, "content-type": raw.type };
    init.body = raw.body;
  }
  const response = await app.request(path, init, { address });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export async function admin(server: Server, method: string, path: string, json?: unknown) {
  const response = await server.app.request(path, {
    method,
    headers: { ...bearer(server.adminKey), "content-type": "application/json" },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  }, { address: "192.0.2.1" });
  return await response.json();
}

export async function issue(server: Server, spec: Record<string, unknown>) {
  const made = await admin(server, "POST", "/api/v1/admin/keys", { name: "k", ...spec });
  assert(typeof made.key === "string", JSON.stringify(made));
  return made as { id: string; key: string };
}

/** A key that may do `actions` in `namespace`, and nothing else; the same one each time. */
export async function keyFor(
  server: Server,
  actions: readonly (Action | "*")[],
  namespace: string | null,
) {
  const grant = { actions, namespaces: [namespace ?? "@global"], names: ["*"] };
  const name = JSON.stringify(grant);
  const key = server.made.get(name) ?? (await issue(server, { grants: [grant] })).key;
  server.made.set(name, key);
  return bearer(key);
}

/** A place with names and ids that nothing there has. */
export function nothingIn(namespace: string | null): At {
  const query = namespace === null ? "" : `?namespace=${namespace}`;
  return { namespace, query, secret: "NOTHING", secretId: NOBODY, keyId: NOBODY };
}

/** Makes what a route uses up in a namespace. */
export async function prepare(
  server: Server,
  namespace: string | null,
  uses: Row["uses"],
): Promise<At> {
  const at = nothingIn(namespace);
  if (uses === "secret") {
    const secret = `S_${crypto.randomUUID().replaceAll("-", "")}`.toUpperCase();
    const body = { name: secret, value: "value-1" };
    const { id } = await admin(server, "POST", `/api/v1/secrets${at.query}`, body);
    return { ...at, secret, secretId: id };
  }
  if (uses === undefined) return at;
  // Shorter than the keys that ask, since nobody gets a key by rotation that outlives their own.
  const expires_at = new Date(Date.now() + 86_400_000).toISOString();
  const grants = [`logs:read @ ${namespace ?? "@global"}`];
  const { id } = await issue(server, { grants, expires_at });
  return { ...at, keyId: id };
}

/** What is in a namespace for those who can't change it. */
export async function prepareAll(server: Server, namespace: string | null): Promise<At> {
  const { keyId } = await prepare(server, namespace, "key");
  return { ...await prepare(server, namespace, "secret"), keyId };
}

/** What else a test wants of a server. */
export interface WholeServerOptions {
  /** More settings; `jwksFile` has the key of its {@linkcode Server.rsa}. */
  configure?(site: Site, jwksFile: string): Promise<Readonly<Record<string, string>>>;
  /** Takes each line that the server logs. */
  onLine?(line: string): void;
  /** Called once the server has ended. */
  afterwards?(site: Site): Promise<void>;
}

/** Starts a whole server that accepts tokens and limits nobody, and ends it. */
export async function withWholeServer(
  work: (server: Server) => Promise<void>,
  { configure, onLine = () => {}, afterwards = () => Promise.resolve() }: WholeServerOptions = {},
): Promise<void> {
  await withSite("embedded", async (site) => {
    const rsa = await generateKeyPair("RS256", { extractable: true }) as CryptoKeyPair;
    const jwksFile = `${site.directory}/jwks.json`;
    const keys = [{ ...await exportJWK(rsa.publicKey), kid: "k", alg: "RS256" }];
    await Deno.writeTextFile(jwksFile, JSON.stringify({ keys }));
    await placeFunctions(site);
    const config = readConfig({
      ...site.env,
      FLUXBASE_JOBS_DIR: `${site.directory}/jobs`,
      FLUXBASE_JWT_SECRET: SECRET,
      FLUXBASE_JWKS_FILE: jwksFile,
      FLUXBASE_JWT_ISSUER: claims.iss,
      FLUXBASE_JWT_AUDIENCE: claims.aud,
      FLUXBASE_AUTH_FAILURES: "0",
      FLUXBASE_AUTH_RATE_LIMIT: "0",
      ...await configure?.(site, jwksFile),
    });
    const log = createLog({ level: "debug", write: onLine });
    const running = await startServer(config, log, Deno.env.toObject());
    try {
      const adminKey = (await Deno.readTextFile(`${site.dataDir}/admin.key`)).trim();
      await work({ app: running.app, adminKey, rsa, made: new Map() });
    } finally {
      await running.close(0);
    }
    await afterwards(site);
  });
}

async function placeFunctions(site: Site): Promise<void> {
  const source = `export default () => new Response("hello");`;
  for (const place of ["hello.js", `@${MINE}/hello.js`]) await site.write(place, source);
}

/** The routes of the app, as the table names them. */
export function routesOf({ app }: Server): string[] {
  const paths = app.routes.filter(({ path }) => !path.includes("*"));
  const own = paths.filter(({ method }) => method !== "ALL");
  const named = new Set(own.map(({ path }) => path));
  const every = paths.filter(({ path }) => !named.has(path));
  return [...new Set([...own, ...every].map(({ method, path }) => `${method} ${path}`))];
}

/** Credentials that let nobody in, each made in the way an attacker or an accident would. */
export async function badCredentials(
  server: Server,
): Promise<Record<string, Record<string, string>>> {
  const now = Math.floor(Date.now() / 1_000);
  const good: JWTPayload = { ...claims, sub: "u", role: "admin", exp: now + 600 };
  const hs = (payload: JWTPayload, key: Uint8Array = new TextEncoder().encode(SECRET)) =>
    new SignJWT(payload).setProtectedHeader({ alg: "HS256", kid: "k" }).sign(key);
  const all = { grants: ["*"] };
  const soon = new Date(Date.now() + 1_000).toISOString();
  const expired = await issue(server, { ...all, expires_at: soon });
  const revoked = await issue(server, all);
  await admin(server, "DELETE", `/api/v1/admin/keys/${revoked.id}`);
  const elsewhere = await issue(server, { ...all, cidrs: ["10.0.0.0/8"] });
  const replaced = await issue(server, all);
  await admin(server, "POST", `/api/v1/admin/keys/${replaced.id}/rotate`, { overlap_seconds: 0 });
  await until("the key is over", () => Date.now() > Date.parse(soon));
  const pem = new TextEncoder().encode(await exportSPKI(server.rsa.publicKey));
  const other = await generateKeyPair("RS256");
  return {
    "none": {},
    "an empty header": { authorization: "" },
    "no scheme": { authorization: server.adminKey },
    "another scheme": { authorization: `Basic ${btoa(`x:${server.adminKey}`)}` },
    "a key in a cookie": { cookie: `token=${server.adminKey}` },
    "a word": bearer("word"),
    "an unknown key": bearer(generateServiceKey().text),
    "a wrong checksum": bearer(
      server.adminKey.slice(0, -1) + (server.adminKey.endsWith("0") ? "1" : "0"),
    ),
    "a key with something behind": { "x-service-key": `${server.adminKey}x` },
    "an expired key": bearer(expired.key),
    "a revoked key": bearer(revoked.key),
    "a key from another address": bearer(elsewhere.key),
    "a secret that was replaced": bearer(replaced.key),
    "a token with alg none": bearer(new UnsecuredJWT(good).encode()),
    "a token under the public key as a secret": bearer(await hs(good, pem)),
    "a token of another secret": bearer(await hs(good, new Uint8Array(32))),
    "a token of another key": bearer(
      await new SignJWT(good).setProtectedHeader({ alg: "RS256", kid: "k" }).sign(other.privateKey),
    ),
    "a token of another issuer": bearer(await hs({ ...good, iss: "https://evil.test" })),
    "a token for another audience": bearer(await hs({ ...good, aud: "other" })),
    "an expired token": bearer(await hs({ ...good, exp: now - 60 })),
    "a token that never expires": bearer(await hs({ ...claims, sub: "u", role: "admin" })),
  };
}

export function token(server: Server, role: string): Promise<string> {
  return new SignJWT({ ...claims, sub: "user-1", role, exp: Math.floor(Date.now() / 1_000) + 600 })
    .setProtectedHeader({ alg: "RS256", kid: "k" }).sign(server.rsa.privateKey);
}
