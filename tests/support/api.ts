/**
 * The real app of a {@linkcode World}, served on a port.
 *
 * @module
 */
import { Hono } from "hono";
import type { AppEnv } from "../../lib/http/env.ts";
import { createApp } from "../../lib/http/app.ts";
import { whoamiRoutes } from "../../lib/http/identity.ts";
import { serverProofRoutes } from "../../lib/http/server_proof.ts";
import { serviceKeyRoutes } from "../../lib/http/service_keys.ts";
import { auditRoutes } from "../../lib/http/audit.ts";
import { verifyRoutes } from "../../lib/http/verify.ts";
import { createLog } from "../../lib/log.ts";
import type { Grant } from "../../lib/principal/principal.ts";
import { verificationOf } from "./verification.ts";
import { admin, injected, type World } from "./world.ts";

/** A server under test. */
export interface Api {
  /** Its URL without a slash at the end. */
  readonly server: string;
  readonly port: number;
  readonly adminKey: string;
  /** Everything that the server logged. */
  readonly lines: readonly string[];
  /** What a function gets, in a namespace or in none; for looking at values that no API returns. */
  reveal(name: string, namespace?: string): Promise<string | undefined>;
  /** Issues another key. */
  issue(grants: readonly Grant[]): Promise<string>;
}

/** Serves the app of `world` while `test` runs. */
export async function withApi(
  world: World,
  test: (api: Api) => Promise<void>,
  functions: Hono<AppEnv> = new Hono<AppEnv>(),
): Promise<void> {
  const { vault, auth, keys } = world;
  const lines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => lines.push(line) });
  const adminKey = (await world.systemKeys.ensureAdminKey())!;
  let listening: Deno.NetAddr | null = null;
  const app = createApp({
    serverProof: serverProofRoutes({
      key: () => Promise.resolve(adminKey),
      address: () => listening,
    }),
    vault,
    auth,
    health: {},
    log,
    functions,
    mounts: {
      "/api/v1/admin/keys": serviceKeyRoutes(keys),
      "/api/v1/admin/audit": auditRoutes({ sql: world.database.sql, ring: world.ring }),
      "/api/v1/admin/verify": verifyRoutes(verificationOf(world), log),
      "/api/v1/auth/whoami": whoamiRoutes(),
    },
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const { port } = server.addr;
  listening = server.addr;
  try {
    await test({
      server: `http://127.0.0.1:${port}`,
      port,
      adminKey,
      lines,
      reveal: async (name, place) => (await injected(world, place))[`FLUXBASE_SECRET_${name}`],
      issue: async (grants) => (await keys.issue(admin, { name: "test", grants })).text,
    });
  } finally {
    await server.shutdown();
  }
}
