/**
 * What the start-up summary tells.
 *
 * @module
 */
import type { CodeSource } from "../runtime/code/code_source.ts";
import { DataDir } from "../server/data_dir.ts";
import type { Facts } from "../server/summary.ts";
import type { Sql } from "../store/sql.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import { ADMIN_KEY_FILE, type Start } from "./start.ts";
import type { Work } from "./work.ts";

/** Says where things are. */
export async function factsOf(
  { config }: Start,
  { dataDir, database, sql, root }: Ground,
  { hasNewAdminKey }: Holdings,
  { functions, functionsDir, jobCode, runtime }: Work,
  url: string,
): Promise<Facts> {
  return {
    url,
    database: database.kind,
    databasePath: dataDir.file("database"),
    functionsDir: config.functionsDir,
    functions: await namesIn(functions.directory, functionsDir),
    jobsDir: config.jobs.directory,
    jobs: await namesIn(jobCode.directory, config.jobs.directory),
    scheduled: await countSchedules(sql),
    rootKey: { from: root.provider.from, generated: root.generated },
    adminKey: await adminKey(dataDir, hasNewAdminKey),
    missing: runtime.missing,
    task: Deno.execPath().includes("_npx") ? "npx -y deno@2.9.6 task -q" : "deno task -q",
  };
}

async function namesIn(code: CodeSource, directory: string): Promise<string[] | null> {
  try {
    await Deno.stat(directory);
  } catch {
    return null;
  }
  const { functions } = await code.list();
  return functions.filter((f) => f.namespace === null).map((f) => f.name);
}

async function countSchedules(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }>`
    select count(*)::int as count from functions.job_schedules`;
  return row?.count ?? 0;
}

async function adminKey(dataDir: DataDir, created: boolean): Promise<Facts["adminKey"]> {
  if (await dataDir.readKey(ADMIN_KEY_FILE) === null) return null;
  return { path: dataDir.file(ADMIN_KEY_FILE), created };
}
