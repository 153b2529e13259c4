/**
 * The last stage: the HTTP app, and the port that it is served on.
 *
 * @module
 */
import type { Hono } from "hono";
import { SecretReaders } from "../deploy/secret_readers.ts";
import { AppError } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { auditRoutes } from "../http/audit.ts";
import { backupRoutes } from "../http/backup.ts";
import { withCallsFirst } from "../http/call_app.ts";
import { Client } from "../http/client_address.ts";
import { codeRoutes } from "../http/code.ts";
import type { AppEnv } from "../http/env.ts";
import { functionRoutes } from "../http/functions.ts";
import { workerApp } from "../http/health.ts";
import { exchangeRoutes, whoamiRoutes } from "../http/identity.ts";
import { importRoutes } from "../http/import.ts";
import { jobRoutes } from "../http/jobs.ts";
import { keyringRoutes } from "../http/keyring.ts";
import { logRoutes } from "../http/logs.ts";
import { serverProofRoutes } from "../http/server_proof.ts";
import { serviceKeyRoutes } from "../http/service_keys.ts";
import { systemSettingRoutes, userSettingRoutes } from "../http/settings.ts";
import { verifyRoutes } from "../http/verify.ts";
import type { Config } from "../server/config.ts";
import { SecretUsage } from "../store/secret_usage.ts";
import { openArchives } from "./archives.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import { ADMIN_KEY_FILE, type Start } from "./start.ts";
import type { Work } from "./work.ts";

/** How long clients may take with their last answers once calls have ended, ms. */
const LAST_ANSWERS_MS = 5_000;

/** What is served, and where. */
export interface Serving {
  readonly app: Hono<AppEnv>;
  readonly url: string;
  readonly port: number;
}

/**
 * Serves everything.
 *
 * @throws {AppError} CONFIG_INVALID when the port is in use.
 */
export function serve(start: Start, ground: Ground, holdings: Holdings, work: Work): Serving {
  const { config, log, opened } = start;
  const { dataDir, sql, ring, audit, denials } = ground;
  const { vault, identity, settings, keys, verification } = holdings;
  const { logs, functions, jobCode, runtime, jobs } = work;
  const { backups, importer } = openArchives(log, ground, holdings, work);
  const health = {
    database: async () => void await sql`select 1`,
    key_ring: () => keys.check(),
    queue: () => jobs.check(),
  };
  const { auth, keys: serviceKeys, exchange } = identity;
  let listening: Deno.NetAddr | null = null;
  const calls = { auth, runner: runtime.runner, access: functions.code, log, witness: denials };
  const app = config.role === "worker" ? workerApp(health, log) : createApp({
    vault,
    usage: {
      runs: new SecretUsage(sql),
      readers: new SecretReaders({
        sql,
        ring,
        environment: config.secrets,
        code: [functions, jobCode],
      }),
    },
    auth,
    log,
    witness: denials,
    audit,
    health,
    functions: functionRoutes({ ...calls, code: functions, executions: logs }),
    serverProof: serverProofRoutes({
      key: () => dataDir.peekKey(ADMIN_KEY_FILE),
      address: () => listening,
    }),
    open: {
      "/api/v1/auth/oidc": exchangeRoutes({
        attempt: (caller, check) => auth.attempt(caller, check),
        exchange: exchange && ((token, origin) => exchange.exchange(token, origin)),
      }),
    },
    mounts: {
      "/api/v1/admin/functions": codeRoutes(functions),
      "/api/v1/admin/jobs": codeRoutes(jobCode),
      "/api/v1/jobs": jobRoutes(jobs.jobs),
      "/api/v1/admin/logs": logRoutes({ log: logs, lines: logs }),
      "/api/v1/admin/keyring": keyringRoutes(keys),
      "/api/v1/admin/backup": backupRoutes(backups),
      "/api/v1/admin/import": importRoutes(importer),
      "/api/v1/admin/audit": auditRoutes({ sql, ring }),
      "/api/v1/admin/verify": verifyRoutes(verification, log),
      "/api/v1/admin/keys": serviceKeyRoutes(serviceKeys),
      "/api/v1/admin/settings": systemSettingRoutes(settings.vault),
      "/api/v1/settings": userSettingRoutes(settings.vault),
      "/api/v1/auth/whoami": whoamiRoutes(),
    },
  });
  const fetch = config.role === "worker" ? app.fetch : withCallsFirst(app, calls);
  const { trustedProxies } = config.auth;
  const server = listen(
    config,
    (request, connection) => fetch(request, new Client(request, connection, trustedProxies)),
  );
  listening = server.addr;
  opened.defer(() => {
    listening = null;
    return shutdown(server);
  });
  const { port } = server.addr;
  return { app, url: `http://${config.host}:${port}`, port };
}

function listen(
  config: Config,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  const options = { hostname: config.host, port: config.port, onListen: () => {} };
  try {
    return Deno.serve(options, handler);
  } catch (cause) {
    throw new AppError("CONFIG_INVALID", refusal(config, cause), { cause });
  }
}

/**
 * Takes no more connections, and waits for the last answers, but not for ever: over HTTP/2 a client
 * that says nothing would keep the server from ending.
 */
async function shutdown(server: Deno.HttpServer<Deno.NetAddr>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LAST_ANSWERS_MS);
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
}

function refusal({ host, port }: Config, cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return `Port ${port} is in use; stop what uses it or set FLUXBASE_PORT`;
  }
  return cause instanceof Deno.errors.PermissionDenied
    ? `Port ${port} may not be used by this user; set FLUXBASE_PORT`
    : `FLUXBASE_HOST must be an address of this machine; nothing can listen on ${host}`;
}
