/**
 * What the start-up summary tells.
 *
 * @module
 */
import type { CodeSource } from "../runtime/code/code_source.ts";
import { DataDir } from "../server/data_dir.ts";
import type { Facts } from "../server/summary.ts";
import type { Ground } from "./ground.ts";
import type { Holdings } from "./holdings.ts";
import { ADMIN_KEY_FILE, type Start } from "./start.ts";
import type { Work } from "./work.ts";

/** Says where things are. */
export async function factsOf(
  { config }: Start,
  { dataDir, database, root }: Ground,
  { hasNewAdminKey }: Holdings,
  { functions, functionsDir, runtime }: Work,
  url: string,
): Promise<Facts> {
  return {
    url,
    database: database.kind,
    databasePath: dataDir.file("database"),
    functionsDir: config.functionsDir,
    functions: await functionNames(functions.directory, functionsDir),
    rootKey: { from: root.provider.from, generated: root.generated },
    adminKey: await adminKey(dataDir, hasNewAdminKey),
    missing: runtime.missing,
    task: Deno.execPath().includes("_npx") ? "npx -y deno@2.9.6 task -q" : "deno task -q",
  };
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
