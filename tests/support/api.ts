/**
 * The real app, served on a port over a given database.
 *
 * @module
 */
import { Hono } from "hono";
import { Authenticator } from "../../lib/authenticator.ts";
import { generateWrappedKeys, openKeyRing } from "../../lib/crypto/keyring.ts";
import { generateRootKey, parseRootKeys } from "../../lib/crypto/root_key.ts";
import { createApp } from "../../lib/http/app.ts";
import type { AppEnv } from "../../lib/http/env.ts";
import { createLog } from "../../lib/log.ts";
import type { Grant } from "../../lib/principal.ts";
import { ENV_PREFIX } from "../../lib/resolve/precedence.ts";
import { parseNamespace } from "../../lib/resolve/ref.ts";
import { Resolver } from "../../lib/resolve/resolver.ts";
import { ServiceKeys } from "../../lib/service_keys.ts";
import { ensureDataKeys } from "../../lib/store/data_keys.ts";
import { StoredSecretSource } from "../../lib/store/secret_source.ts";
import type { Database } from "../../lib/store/sql.ts";
import { Vault } from "../../lib/vault.ts";

/** A server under test. */
export interface Api {
  /** Its URL without a slash at the end. */
  readonly server: string;
  readonly port: number;
  readonly adminKey: string;
  /** Everything that the server logged. */
  readonly lines: string[];
  /** What a function gets, in a namespace or in none; for looking at values that no API returns. */
  reveal(name: string, namespace?: string): Promise<string | undefined>;
  /** Issues another key. */
  issue(grants: readonly Grant[]): Promise<string>;
}

/** Serves the app while `test` runs. */
export async function withApi(
  database: Database,
  test: (api: Api) => Promise<void>,
  functions: Hono<AppEnv> = new Hono<AppEnv>(),
): Promise<void> {
  const { sql } = database;
  const roots = parseRootKeys(generateRootKey().text);
  const stored = await ensureDataKeys(sql, () => generateWrappedKeys(roots[0]!, new Date()));
  const ring = openKeyRing(roots, stored);
  const resolver = new Resolver(new StoredSecretSource(sql), ring);
  const auth = new Authenticator({ sql, ring });
  const keys = new ServiceKeys({ sql, ring, held: auth });
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line) });
  const vault = new Vault({ sql, ring, resolver });
  const app = createApp({ vault, auth, health: {}, log, functions });
  const adminKey = (await keys.ensureAdminKey())!;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const { port } = server.addr;
  const admin = await auth.authenticate(adminKey);
  try {
    await test({
      server: `http://127.0.0.1:${port}`,
      port,
      adminKey,
      lines,
      reveal: async (name, namespace) => {
        const ns = namespace === undefined ? null : parseNamespace(namespace);
        return (await resolver.resolve(ns)).env.get(ENV_PREFIX + name)?.reveal();
      },
      issue: async (grants) => (await keys.issue(admin, { name: "test", grants })).text,
    });
  } finally {
    await server.shutdown();
  }
}
