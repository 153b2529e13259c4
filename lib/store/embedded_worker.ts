/**
 * The thread that the embedded database runs in.
 *
 * WebAssembly runs to the end of a statement without a pause; here that stops nobody else. The
 * thread holds the directory's lock itself, so that a successor cannot open the files before this
 * one is really gone.
 *
 * @module
 */
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { PGlite, type PGliteInterface } from "@electric-sql/pglite";
import { SYNCED_START, SyncedFiles, syncTree } from "./embedded_files.ts";
import { DirectoryInUse, lockDirectory } from "./embedded_lock.ts";
import type { Failure, Reply, Request, Task } from "./embedded_protocol.ts";
import { encodeText, TEXT_PARSERS } from "./embedded_types.ts";
import { quoteIdentifier } from "./postgres_types.ts";
import type { Row } from "./sql.ts";

interface Engine {
  readonly database: PGliteInterface;
  readonly files: SyncedFiles;
  readonly directory: string;
}

/** With less, a write-ahead segment (16 MiB) may not fit, and the database would hang on it. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;
const SPACE_CHECK_MS = 1_000;
const DISK_FULL = "53100";
const READ = /^\s*(select|show)\b/i;
const SQLSTATE = /^[0-9A-Z]{5}$/;

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(reply: Reply): void;
};

let engine: Engine | null = null;
let spaceCheckedAt = -Infinity;
let spaceLeft = true;

scope.onmessage = async ({ data: { id, task } }) => {
  try {
    scope.postMessage({ id, rows: await perform(task) });
  } catch (error) {
    scope.postMessage({ id, failure: describe(error) });
  }
};

async function perform(task: Task): Promise<Row[]> {
  if (task.kind === "open") {
    engine = await open(task.directory, task.patienceMs);
    return [];
  }
  if (engine === null) throw new Error("The database is not open");
  const { database, files } = engine;
  switch (task.kind) {
    case "query": {
      if (!READ.test(task.text)) assertSpace(engine.directory);
      const options = { serializers: EVERY_TYPE, parsers: TEXT_PARSERS };
      return (await database.query<Row>(task.text, [...task.values], options)).rows;
    }
    case "script":
      // Not checked for space: it also ends transactions.
      return (await database.exec(task.text, { parsers: TEXT_PARSERS }))
        .flatMap(({ rows }) => rows as Row[]);
    case "listen":
      await database.exec(`listen ${quoteIdentifier(task.channel)}`);
      return [];
    case "syncs":
      return [{ syncs: files.syncs }];
    case "close":
      await database.close();
      return [];
  }
}

async function open(root: string, patienceMs: number): Promise<Engine> {
  await lockDirectory(join(root, "lock"), { patienceMs });
  const directory = join(root, "pgdata");
  mkdirSync(directory, { recursive: true });
  assertSpace(directory);
  const fresh = !existsSync(join(directory, "PG_VERSION"));
  const files = new SyncedFiles(directory);
  const database = await PGlite.create({ fs: files, startParams: [...SYNCED_START] });
  database.onNotification((channel, payload) => scope.postMessage({ channel, payload }));
  if (fresh) syncTree(directory);
  return { database, files, directory };
}

/** Refuses to write on a disk that is nearly full; looks at most once a second. */
function assertSpace(directory: string): void {
  const now = performance.now();
  if (now - spaceCheckedAt > SPACE_CHECK_MS) {
    const { bavail, bsize } = statfsSync(directory);
    spaceLeft = bavail * bsize >= LEAST_FREE_BYTES;
    spaceCheckedAt = now;
  }
  if (!spaceLeft) throw Object.assign(new Error("Disk is nearly full"), { code: DISK_FULL });
}

/** One way of writing for every type, whatever its id. */
const EVERY_TYPE = new Proxy({}, { get: () => encodeText });

function describe(error: unknown): Failure {
  const { code, constraint } = error as { code?: string; constraint?: string };
  const known = code !== undefined && SQLSTATE.test(code);
  return {
    sqlstate: known ? code : null,
    constraint: constraint ?? null,
    detail: error instanceof Error ? error.message : String(error),
    ...(error instanceof DirectoryInUse ? { holder: error.holder } : {}),
  };
}
