/**
 * The server's parts, joined over a real database as `main.ts` joins them.
 *
 * @module
 */
import { Hono } from "hono";
import { type KeyRing, openKeyRing } from "../../lib/crypto/keyring.ts";
import { generateWrappedKeys } from "../../lib/crypto/keyring.ts";
import { generateRootKey, parseRootKeys, type RootKey } from "../../lib/crypto/root_key.ts";
import { Authenticator, type AuthenticatorParts } from "../../lib/auth/authenticator.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { createApp } from "../../lib/http/app.ts";
import { createLog } from "../../lib/log.ts";
import { EVERYTHING, type Principal } from "../../lib/principal/principal.ts";
import { parseNamespace, parseSecretName, type SecretRef } from "../../lib/resolve/ref.ts";
import { Resolver, type ResolverOptions } from "../../lib/resolve/resolver.ts";
import { ServiceKeys } from "../../lib/auth/service_keys.ts";
import { SystemKeys } from "../../lib/auth/system_keys.ts";
import { ensureDataKeys } from "../../lib/store/data_keys.ts";
import { StoredSecretSource } from "../../lib/store/secret_source.ts";
import type { Database } from "../../lib/store/sql.ts";
import { HeadWatch } from "../../lib/resolve/head_watch.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { databases, openShared, type TestDatabase } from "./databases.ts";
import { openRowSets, type RowSets } from "./row_sets.ts";

/** A principal that may do everything. */
export const admin: Principal = {
  id: "00000000-0000-4000-8000-000000000001",
  kind: "service_key",
  grants: [EVERYTHING],
};

/** The parts of one server. */
export interface World extends RowSets {
  readonly database: Database;
  readonly roots: readonly RootKey[];
  readonly ring: KeyRing;
  readonly resolver: Resolver;
  readonly auth: Authenticator;
  readonly vault: Vault;
  readonly keys: ServiceKeys;
  readonly systemKeys: SystemKeys;
}

/** Options of {@linkcode joinWorld}. */
export interface WorldOptions {
  roots?: readonly RootKey[];
  /** A ring that is open already; then `roots` are of no use. */
  ring?: KeyRing;
  watch?: HeadWatch;
  now?: () => Date;
  resolver?: ResolverOptions;
  authFreshMs?: number;
  onVerified?: AuthenticatorParts["onVerified"];
}

/** Joins the parts of one server over `database`. Two over one database are two replicas. */
export async function joinWorld(database: Database, options: WorldOptions = {}): Promise<World> {
  const { sql } = database;
  const { roots = parseRootKeys(generateRootKey().text), now = () => new Date() } = options;
  const ring = options.ring ??
    openKeyRing(
      roots,
      await ensureDataKeys(sql, () => generateWrappedKeys(roots[0]!, new Date())),
    );
  const watch = options.watch ?? new HeadWatch();
  const sets = await openRowSets(sql, ring, watch);
  const { keySet: set } = sets;
  const resolver = new Resolver(new StoredSecretSource(sql), ring, {
    freshMs: Infinity,
    watch,
    ...options.resolver,
  });
  const auth = new Authenticator({
    sql,
    ring,
    set,
    freshMs: options.authFreshMs ?? Infinity,
    ...(options.onVerified && { onVerified: options.onVerified }),
  });
  const vault = new Vault({ sql, ring, resolver, watch, now });
  const keys = new ServiceKeys({ sql, ring, held: auth, set, now });
  const systemKeys = new SystemKeys({ sql, ring, set, now });
  return { database, roots, ring, resolver, auth, vault, keys, systemKeys, ...sets };
}

type Work = (world: World, kind: TestDatabase["name"], t: Deno.TestContext) => Promise<void>;

/**
 * Makes a function that registers a test once for each kind of database, each time with an empty
 * one. The tests of a file share the server and the directory, since making those takes longest.
 */
export function testOverDatabases(): (name: string, work: Work, options?: WorldOptions) => void {
  const open = new Map<string, Database>();
  Deno.test.beforeAll(async () => {
    for (const kind of databases) open.set(kind.name, await openShared(kind));
  });
  Deno.test.afterAll(async () => {
    for (const database of open.values()) await database.close();
  });
  return (name, work, options = {}) => {
    for (const kind of databases) {
      Deno.test(`${name} (${kind.name})`, async (t) => {
        const database = open.get(kind.name)!;
        await emptyDatabase(database);
        await work(await joinWorld(database, options), kind.name, t);
      });
    }
  };
}

/** Removes every row of every table. */
export async function emptyDatabase({ sql }: Database): Promise<void> {
  const tables = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('functions', 'app')`;
  await sql.script(`truncate ${tables.map(({ name }) => name).join(", ")}`);
}

/** A reference from texts; without a namespace, a global one. */
export function ref(name: string, namespace?: string): SecretRef {
  return {
    namespace: namespace === undefined ? null : parseNamespace(namespace),
    name: parseSecretName(name),
  };
}

/** What a run in `namespace` gets, as plain text. */
export async function injected(world: World, namespace?: string): Promise<Record<string, string>> {
  const place = namespace === undefined ? null : parseNamespace(namespace);
  const { env } = await world.resolver.resolve(place);
  return Object.fromEntries([...env].map(([name, value]) => [name, value.reveal()]));
}

/** The HTTP app over `world`, its log, and an administrator's key. */
export async function openApp(world: World): Promise<HttpWorld> {
  const lines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => lines.push(line) });
  const { vault, auth, database } = world;
  const health = { database: async () => void await database.sql`select 1 as one` };
  const functions = new Hono<AppEnv>();
  const app = createApp({ vault, auth, health, log, functions });
  const key = await world.systemKeys.ensureAdminKey();
  return { app, lines, key: key! };
}

/** An app to send requests to. */
export interface HttpWorld {
  readonly app: Hono<AppEnv>;
  /** What was logged. */
  readonly lines: string[];
  /** An administrator's service key. */
  readonly key: string;
}

/** Sends a request with the administrator's key; `json` becomes the body. */
export async function send(
  { app, key }: HttpWorld,
  method: string,
  path: string,
  options: { json?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: unknown; text: string }> {
  const headers = new Headers({ authorization: `Bearer ${key}`, ...options.headers });
  const init: RequestInit = { method, headers };
  if (options.json !== undefined) {
    headers.set("content-type", headers.get("content-type") ?? "application/json");
    init.body = JSON.stringify(options.json);
  }
  const response = await app.request(path, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  const body: unknown = isJson && text !== "" ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, body, text };
}
