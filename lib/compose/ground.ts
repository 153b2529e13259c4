/**
 * The first stage: the data directory, the database, the key ring, and the record of who does what.
 *
 * @module
 */
import { AccessLog } from "../audit/access_log.ts";
import { AppError } from "../errors.ts";
import { Denials } from "../http/denials.ts";
import { openKeyring } from "../keyring/start.ts";
import { errorFields, type Log } from "../log.ts";
import { HeadWatch } from "../resolve/head_watch.ts";
import { acceptAtStart } from "../server/accept.ts";
import type { Config } from "../server/config.ts";
import { DataDir } from "../server/data_dir.ts";
import { findRoot } from "../server/root_keys.ts";
import { AuditStream, ensureAudit } from "../store/audit_stream.ts";
import { openEmbedded } from "../store/embedded.ts";
import { migrate } from "../store/migrate.ts";
import { openPostgres } from "../store/postgres.ts";
import type { Database } from "../store/sql.ts";
import { ensureHeads } from "../vault/adopt.ts";
import type { Start } from "./start.ts";

const MIGRATIONS = new URL("../../migrations/", import.meta.url);

/** What everything else stands on. */
export type Ground = Awaited<ReturnType<typeof openGround>>;

/**
 * Opens the database, brings its tables up to date, and opens the key ring.
 *
 * @throws {AppError} CONFIG_INVALID, KEY_RING_LOCKED, DATA_DIR_IN_USE or STORE_UNAVAILABLE.
 */
export async function openGround({ config, log, env, opened }: Start) {
  const dataDir = await DataDir.open(config.dataDir);
  const inner = await openDatabase(config, dataDir, log);
  opened.defer(() => inner.close());
  await migrate(inner, MIGRATIONS);
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
  return { dataDir, root, keyring, database, ring, sql, watch, audit, denials, fresh };
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

function logKeyEvent(log: Log, what: string, detail: unknown): void {
  if (detail instanceof Error) {
    const reason = detail instanceof AppError ? detail.message : undefined;
    return log.warn("key ring", { what, reason, ...errorFields(detail) });
  }
  log.info("key ring", { what, ...(detail as { done: number; damaged: number }) });
}
