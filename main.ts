/**
 * The server: reads the configuration, joins the parts, serves, and ends in order.
 *
 * This is the only file that knows every room.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseArgs } from "@std/cli";
import type { Hono } from "hono";
import { startAuth, type StartedAuth } from "./lib/auth/start.ts";
import { Backups } from "./lib/backup/backups.ts";
import { Importer } from "./lib/backup/import.ts";
import { type Config, readConfig } from "./lib/server/config.ts";
import { openCode } from "./lib/server/code.ts";
import { ownAddresses } from "./lib/server/own_addresses.ts";
import { DataDir } from "./lib/server/data_dir.ts";
import { AccessLog } from "./lib/audit/access_log.ts";
import { AccessNotes } from "./lib/audit/access_notes.ts";
import { AppError } from "./lib/errors.ts";
import { createApp } from "./lib/http/app.ts";
import { withCallsFirst } from "./lib/http/call_app.ts";
import type { AppEnv } from "./lib/http/env.ts";
import { Client } from "./lib/http/client_address.ts";
import { codeRoutes } from "./lib/http/code.ts";
import { backupRoutes } from "./lib/http/backup.ts";
import { importRoutes } from "./lib/http/import.ts";
import { logRoutes } from "./lib/http/logs.ts";
import { functionRoutes } from "./lib/http/functions.ts";
import { workerApp } from "./lib/http/health.ts";
import { exchangeRoutes, whoamiRoutes } from "./lib/http/identity.ts";
import { serviceKeyRoutes } from "./lib/http/service_keys.ts";
import { jobRoutes } from "./lib/http/jobs.ts";
import { startJobs } from "./lib/jobs/start.ts";
import { sealedTables } from "./lib/server/sealed_tables.ts";
import { openKeyring } from "./lib/keyring/start.ts";
import { keyringRoutes } from "./lib/http/keyring.ts";
import { createLog, errorFields, type Log } from "./lib/log.ts";
import { LineWriter } from "./lib/server/line_writer.ts";
import { Maintenance } from "./lib/server/maintenance.ts";
import { type Namespace } from "./lib/resolve/ref.ts";
import { Resolver } from "./lib/resolve/resolver.ts";
import { findRoot } from "./lib/server/root_keys.ts";
import type { CodeSource } from "./lib/runtime/code/code_source.ts";
import { Recorder } from "./lib/runtime/recorder.ts";
import { startRuntime } from "./lib/runtime/start.ts";
import { openEmbedded } from "./lib/store/embedded.ts";
import { ExecutionStore } from "./lib/store/executions.ts";
import { LogReader } from "./lib/store/log_lines.ts";
import { purgeOld, trimExecutions, trimLines } from "./lib/store/log_retention.ts";
import { purgeAnswers } from "./lib/store/idempotency.ts";
import { SCHEDULES_SET } from "./lib/jobs/schedules.ts";
import { DEPLOYMENTS_SET, purgeDeployments } from "./lib/store/deployments.ts";
import { migrate } from "./lib/store/migrate.ts";
import { openPostgres } from "./lib/store/postgres.ts";
import { SecretUsage } from "./lib/store/secret_usage.ts";
import { StoredSecretSource } from "./lib/store/secret_source.ts";
import { SECRETS_CHANNEL } from "./lib/store/secret_writes.ts";
import { SERVICE_KEYS_CHANNEL } from "./lib/store/service_keys.ts";
import { RowSetStore } from "./lib/store/row_sets.ts";
import type { Database } from "./lib/store/sql.ts";
import { type Facts, summary } from "./lib/server/summary.ts";
import { systemSettingRoutes, userSettingRoutes } from "./lib/http/settings.ts";
import { startSettings } from "./lib/settings/start.ts";
import { auditRoutes } from "./lib/http/audit.ts";
import { Denials } from "./lib/http/denials.ts";
import { verifyRoutes } from "./lib/http/verify.ts";
import { acceptAtStart } from "./lib/server/accept.ts";
import { openVerification } from "./lib/server/verification.ts";
import { HeadWatch } from "./lib/resolve/head_watch.ts";
import { purgeRecords } from "./lib/store/audit_list.ts";
import { AuditStream, ensureAudit } from "./lib/store/audit_stream.ts";
import { ensureHeads } from "./lib/vault/adopt.ts";
import { Vault } from "./lib/vault/vault.ts";

/** A running server. */
export interface RunningServer {
  readonly port: number;
  /** The app that is served, for asking which routes it has and for asking it without a socket. */
  readonly app: Hono<AppEnv>;
  readonly facts: Facts;
  /** Answers what is under way, at most for `graceMs`, and ends everything. */
  close(graceMs?: number): Promise<void>;
}

/** How long calls under way are waited for at the end, ms. */
const GRACE_MS = 25_000;
/** How much of that time jobs get for stopping, ms. */
const JOB_END_MS = 7_000;
const MINUTE_MS = 60 * 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** How long deleted secrets are kept, ms. */
const DELETED_MS = 30 * DAY_MS;
const ADMIN_KEY_FILE = "admin.key";

/**
 * Starts a server.
 *
 * @param env The process's environment, of which Deno's tools get what they need.
 * @throws {AppError} CONFIG_INVALID, KEY_RING_LOCKED, DATA_DIR_IN_USE or STORE_UNAVAILABLE.
 */
export async function startServer(
  config: Config,
  log: Log,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await DataDir.open(config.dataDir);
  const inner = await openDatabase(config, dataDir, log);
  opened.defer(() => inner.close());
  await migrate(inner, new URL("./migrations/", import.meta.url));
  const root = await findRoot(config.keys, dataDir, inner, env);
  const keyring = await openKeyring({
    database: inner,
    provider: root.provider,
    onEvent: (what, detail) => logKeyEvent(log, what, detail),
  });
  // From here on, rows wait for keys that another server has made meanwhile.
  const { database, keeper: { ring } } = keyring;
  const { sql } = database;
  await acceptAtStart(config.accept, { sql, ring, log });
  const adopted = await ensureHeads(sql, ring);
  await ensureAudit(sql, ring);
  if (adopted > 0) log.warn("secrets from an older release were adopted", { secrets: adopted });
  const watch = new HeadWatch();
  const audit = new AccessLog({
    store: new AuditStream({ sql, ring, watch }),
    onTrouble: (lost, error) => log.error("audit", { lost, ...errorFields(error) }),
  });
  opened.defer(() => audit.close());
  const denials = new Denials(audit);
  opened.defer(() => denials.close());
  // Where this process is the only writer, what it holds stays current until it writes itself.
  const fresh = database.kind === "embedded" ? { freshMs: Infinity } : {};
  const resolver = new Resolver(new StoredSecretSource(sql), ring, {
    ...fresh,
    watch,
    environment: config.secrets,
    onStale: ({ namespace, ageMs }) =>
      log.warn("stale secrets", { namespace: namespace ?? undefined, age_ms: Math.round(ageMs) }),
  });
  const settings = await startSettings({
    database,
    ring,
    watch,
    secrets: resolver,
    ...fresh,
    onStale: (ms) => log.warn("stale settings", { age_ms: Math.round(ms) }),
  });
  opened.defer(() => settings.close());
  const identity = await startAuth({
    sql,
    ring,
    settings: config.auth,
    watch,
    ...fresh,
    onError: (what, error) => log.warn("identity", { what, ...errorFields(error) }),
  });
  opened.defer(() => identity.close());
  const { auth, keys: serviceKeys, exchange } = identity;
  const vault = new Vault({ sql, ring, resolver, watch, keepVersions: config.versionsKeep });
  const created = await serviceKeys.ensureAdminKey((text) =>
    dataDir.writeKey(ADMIN_KEY_FILE, text)
  );
  await subscribe(database, resolver, identity, opened);
  const deployments = new RowSetStore(DEPLOYMENTS_SET, { ring, watch });
  await deployments.ensure(sql);
  const schedules = new RowSetStore(SCHEDULES_SET, { ring, watch });
  await schedules.ensure(sql);
  const tables = sealedTables(watch, identity, { deployments, schedules, settings: settings.set });
  const keys = await keyring.serve({
    tables,
    limits: config.keys.limits,
    rootRenewal: root.renewal,
    onChange: () => identity.invalidate(null),
  });
  opened.defer(() => keys.close());
  const verification = openVerification({
    sql,
    ring,
    watch,
    tables,
    serviceKeys: identity.set,
    deployments,
    schedules,
    settings: settings.set,
    checkRing: () => keys.report(),
    onPlace: (place) => resolver.invalidate(place),
    onServiceKeys: () => identity.invalidate(null),
    onAccept: (place, by, accepted) => log.warn("accepted", { place, by, ...accepted }),
  });
  const backups = new Backups({
    sql,
    ring,
    watch,
    serviceKeys: identity.set,
    deployments,
    settings: settings.set,
    onRestored: (places) => {
      for (const place of places) resolver.invalidate(place);
      settings.users.doubtAll();
      identity.invalidate(null);
    },
    onBroken: (error) =>
      log.warn("backup broke off", {
        ...(error instanceof AppError && { reason: error.message }),
        ...errorFields(error),
      }),
  });
  const importer = new Importer({
    settings: settings.set,
    sql,
    ring,
    watch,
    onSecrets: (place) => resolver.invalidate(place),
    onSettings: (userId) => settings.users.invalidate(userId),
  });

  const store = new ExecutionStore(sql);
  const notes = new AccessNotes(audit);
  opened.defer(() => notes.close());
  const recorder = new Recorder(store, {
    access: notes,
    onLoss: (records, error) => log.error("records lost", { records, ...errorFields(error) }),
  });
  opened.defer(() => recorder.flush());
  const functionsDir = resolve(config.functionsDir);
  const cacheDir = dataDir.file("code");
  const code = { database, ring, set: deployments, log, env, cacheDir, ...fresh };
  const functions = await openCode({ ...code, kind: "function", root: functionsDir });
  opened.defer(() => functions.close());
  const jobCode = await openCode({ ...code, kind: "job", root: resolve(config.jobs.directory) });
  opened.defer(() => jobCode.close());
  const runDirectory = await dataDir.makeRunDirectory();
  opened.defer(() => Deno.remove(runDirectory, { recursive: true }));
  const runtime = await startRuntime({
    deno: Deno.execPath(),
    runDirectory,
    allowNet: config.functionsAllowNet,
    denyNet: ownAddresses(config, Deno.networkInterfaces().map(({ address }) => address)),
    certificates: config.functionsCaFile,
    answerMs: config.functionTimeoutMs,
    memoryMb: config.functionMemoryMb,
    bodyBytes: config.functionMaxBodyBytes,
    maxChildren: config.maxChildren,
    jobs: { ...config.jobs, code: jobCode.code },
    code: functions.code,
    secrets: settings.injections,
    userSettings: settings.users,
    sink: recorder,
    onExit: (slot, reason) => {
      if (reason.kind !== "retired") log.warn("function ended", { function: slot, ...reason });
    },
  });
  let graceMs = GRACE_MS;
  opened.defer(() => runtime.close(graceMs));
  const jobs = await startJobs({
    database,
    ring,
    set: schedules,
    catalogue: jobCode.catalogue,
    onTrouble: (what, error) => log.warn("jobs", { what, ...errorFields(error) }),
    ...(config.role !== "api" && {
      worker: { runner: runtime.jobRunner, concurrency: config.jobs.concurrency },
    }),
  });
  opened.defer(() => jobs.close(jobGraceOf(graceMs)));
  functions.directory.prewarm().catch((error) => log.warn("no bundler", errorFields(error)));
  const maintenance = new Maintenance([
    { name: "key ring", run: () => keys.tidy() },
    { name: "answers", run: (now) => purgeAnswers(sql, now) },
    { name: "exchanged keys", run: (now) => identity.purge(now) },
    {
      name: "deleted secrets",
      run: (now) => vault.purgeDeleted(ago(now, config.deletedRetentionDays * DAY_MS)),
    },
    {
      name: "old versions",
      run: (now) =>
        vault.trimHistories({
          versions: config.versionsKeep,
          replacedBefore: config.versionsKeepDays === null
            ? null
            : ago(now, config.versionsKeepDays * DAY_MS),
        }),
    },
    {
      name: "deployed code",
      run: (now) => purgeDeployments({ sql, set: deployments }, ago(now, DELETED_MS)),
    },
    { name: "kept code", run: (now) => functions.sweep(ago(now, DAY_MS)) },
    { name: "kept job code", run: (now) => jobCode.sweep(ago(now, DAY_MS)) },
    { name: "jobs", run: (now) => jobs.purge(ago(now, config.logRetentionDays * DAY_MS)) },
    {
      name: "audit",
      run: (now) => purgeRecords(sql, ring, ago(now, config.auditRetentionDays * DAY_MS)),
    },
    {
      name: "executions",
      run: async (now) => {
        await purgeOld(sql, ago(now, config.logRetentionDays * DAY_MS));
        await trimExecutions(sql, config.logMaxRows);
      },
    },
  ], (chore, error) => log.error("chore failed", { chore, ...errorFields(error) }));
  opened.defer(() => maintenance.close());
  // A busy hour prints more lines than there may be.
  const trimming = new Maintenance(
    [{ name: "log", run: () => trimLines(sql, config.logMaxRows) }],
    (chore, error) => log.error("chore failed", { chore, ...errorFields(error) }),
    MINUTE_MS,
  );
  opened.defer(() => trimming.close());

  const health = {
    database: async () => void await sql`select 1`,
    key_ring: () => keys.check(),
    queue: () => jobs.check(),
  };
  const calls = { auth, runner: runtime.runner, access: functions.code, log, witness: denials };
  const app = config.role === "worker" ? workerApp(health, log) : createApp({
    vault,
    usage: new SecretUsage(sql),
    auth,
    log,
    witness: denials,
    audit,
    health,
    functions: functionRoutes({ ...calls, code: functions, executions: store }),
    open: {
      "/api/v1/auth/oidc": exchangeRoutes({
        attempt: (caller, check) => auth.attempt(caller, check),
        exchange: exchange && ((token) => exchange.exchange(token)),
      }),
    },
    mounts: {
      "/api/v1/admin/functions": codeRoutes(functions),
      "/api/v1/admin/jobs": codeRoutes(jobCode),
      "/api/v1/jobs": jobRoutes(jobs.jobs),
      "/api/v1/admin/logs": logRoutes({ log: new LogReader(sql), lines: store }),
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
  const { hostname, port } = listen(
    config,
    (request, connection) => fetch(request, new Client(request, connection, trustedProxies)),
    opened,
  );
  const running = opened.move();
  return {
    port,
    app,
    facts: {
      url: `http://${hostname}:${port}`,
      database: database.kind,
      databasePath: dataDir.file("database"),
      functionsDir: config.functionsDir,
      functions: await functionNames(functions.directory, functionsDir),
      rootKey: { from: root.provider.from, generated: root.generated },
      adminKey: await adminKey(dataDir, created !== undefined),
      missing: runtime.missing,
      task: Deno.execPath().includes("_npx") ? "npx -y deno@2.9.6 task -q" : "deno task -q",
    },
    async close(grace = GRACE_MS): Promise<void> {
      graceMs = grace;
      // Jobs are told first: calls that are still answered don't keep them from winding up.
      jobs.close(jobGraceOf(grace)).catch(() => {});
      // Calls end before the listener does: that would break their uploads, and wait without a limit.
      await runtime.drain(grace);
      await running.disposeAsync();
    },
  };
}

/** What is left of the time is for jobs that were told to stop, and for handing them back. */
function jobGraceOf(graceMs: number): number {
  return Math.max(0, graceMs - JOB_END_MS);
}

async function openDatabase(config: Config, dataDir: DataDir, log: Log): Promise<Database> {
  if (config.databaseUrl !== null) return await openPostgres(config.databaseUrl);
  // A thread that hangs can't be ended from here; whoever started this process starts it again.
  const onStuck = () => {
    log.error("the embedded database hangs; ending");
    Deno.exit(1);
  };
  return await openEmbedded(dataDir.file("database"), { onStuck });
}

/** What another process tells of, and what may have been missed, is looked up again. */
async function subscribe(
  database: Database,
  resolver: Resolver,
  identity: StartedAuth,
  opened: AsyncDisposableStack,
): Promise<void> {
  const secrets = await database.listen(
    SECRETS_CHANNEL,
    (payload) => resolver.invalidate(payload === "" ? null : payload as Namespace),
    () => resolver.doubt(null),
  );
  opened.defer(() => secrets.close());
  const serviceKeys = await database.listen(
    SERVICE_KEYS_CHANNEL,
    (payload) => identity.invalidate(payload === "" ? null : payload),
    () => identity.doubt(),
  );
  opened.defer(() => serviceKeys.close());
}

function listen(
  config: Config,
  handler: Deno.ServeHandler<Deno.NetAddr>,
  opened: AsyncDisposableStack,
): { hostname: string; port: number } {
  const options = { hostname: config.host, port: config.port, onListen: () => {} };
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(options, handler);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    throw new AppError(
      "CONFIG_INVALID",
      `Port ${config.port} is in use; stop what uses it or set FLUXBASE_PORT`,
      { cause },
    );
  }
  opened.defer(() => server.shutdown());
  return { hostname: config.host, port: server.addr.port };
}

function logKeyEvent(log: Log, what: string, detail: unknown): void {
  if (detail instanceof Error) {
    const reason = detail instanceof AppError ? detail.message : undefined;
    return log.warn("key ring", { what, reason, ...errorFields(detail) });
  }
  log.info("key ring", { what, ...(detail as { done: number; damaged: number }) });
}

async function functionNames(code: CodeSource, directory: string): Promise<string[] | null> {
  try {
    await Deno.stat(directory);
  } catch {
    return null;
  }
  const { functions } = await code.list();
  return functions.filter((f) => f.namespace === null).map((f) => f.name);
}

async function adminKey(dataDir: DataDir, created: boolean): Promise<Facts["adminKey"]> {
  if (await dataDir.readKey(ADMIN_KEY_FILE) === null) return null;
  return { path: dataDir.file(ADMIN_KEY_FILE), created };
}

function ago(now: Date, ms: number): Date {
  return new Date(now.getTime() - ms);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function untilAskedToEnd(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (asked) Deno.exit(130);
      asked = true;
      resolve();
    });
  }
  return promise;
}

/** The command line's `--role` stands for the variable of the same name. */
function withFlags(env: Record<string, string>, args: readonly string[]): Record<string, string> {
  const { role, _: rest, ...unknown } = parseArgs([...args], { string: ["role"] });
  const given = [...rest, ...Object.keys(unknown)];
  if (given.length > 0) throw new AppError("CONFIG_INVALID", `Unknown argument: ${given[0]}`);
  if (role === "") throw new AppError("CONFIG_INVALID", "--role must be all, api or worker");
  return role === undefined ? env : { ...env, FLUXBASE_ROLE: String(role) };
}

function writeToStderr(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads the log any more, which is no reason to stop serving.
  }
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const lines = new LineWriter(writeToStderr);
  const env = withFlags(Deno.env.toObject(), Deno.args);
  const config = readConfig(env);
  const log = createLog({
    format: config.logFormat,
    write: lines.line,
  });
  addEventListener("unload", lines.flush);
  const asked = untilAskedToEnd();
  const server = await startServer(config, log, env);
  if (config.logFormat === "json") log.info("ready", { url: server.facts.url });
  else console.log(summary(server.facts, performance.now() - startedAt));
  await asked;
  log.info("ending");
  await server.close();
}

if (import.meta.main) {
  try {
    await main();
    Deno.exit(0);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error(`Error: ${error.message}`);
    Deno.exit(1);
  }
}
