/**
 * Where a server under test lives: directories of its own and a database of its own.
 *
 * @module
 */
import { dirname } from "node:path";
import { generateRootKey } from "../../lib/crypto/root_key.ts";
import { createEmbeddedDirectory, createPostgresDatabase, type TestDatabase } from "./databases.ts";

/** A kind of database. */
export type Kind = TestDatabase["name"];

/** Every kind of database. */
export const KINDS: readonly Kind[] = ["embedded", "postgres"];

/** What a server is started on, and started on again. */
export interface Site {
  readonly kind: Kind;
  /** Removed after the test. */
  readonly directory: string;
  /** Holds nothing but an empty embedded database, if that is the kind. */
  readonly dataDir: string;
  readonly functionsDir: string;
  /** Connection URL, or `null` for the embedded database. */
  readonly databaseUrl: string | null;
  /** The settings that name all this. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file below the functions directory. */
  write(path: string, text: string): Promise<void>;
}

/** Makes a site, runs `work` on it, and removes it. */
export async function withSite(kind: Kind, work: (site: Site) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  const database = kind === "postgres" ? await createPostgresDatabase() : null;
  try {
    await work(await makeSite(kind, directory, database?.url ?? null));
  } finally {
    await database?.drop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Registers a test once for each kind of database. */
export function testOnSites(name: string, work: (site: Site) => Promise<void>): void {
  for (const kind of KINDS) Deno.test(`${name} (${kind})`, () => withSite(kind, work));
}

async function makeSite(kind: Kind, directory: string, databaseUrl: string | null): Promise<Site> {
  const dataDir = `${directory}/data`;
  const functionsDir = `${directory}/functions`;
  await Deno.mkdir(functionsDir);
  if (kind === "embedded") await placeDatabase(dataDir);
  const env = {
    FLUXBASE_PORT: "0",
    FLUXBASE_DATA_DIR: dataDir,
    FLUXBASE_FUNCTIONS_DIR: functionsDir,
    ...(databaseUrl === null ? {} : {
      DATABASE_URL: databaseUrl,
      FLUXBASE_ENCRYPTION_KEY: generateRootKey().text,
    }),
  };
  const write = async (path: string, text: string) => {
    await Deno.mkdir(dirname(`${functionsDir}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${functionsDir}/${path}`, text);
  };
  return { kind, directory, dataDir, functionsDir, databaseUrl, env, write };
}

/** Copies one that is made already: making it takes longer than most tests. */
async function placeDatabase(dataDir: string): Promise<void> {
  const { directory } = await createEmbeddedDirectory();
  await Deno.mkdir(dataDir, { mode: 0o700 });
  await Deno.rename(directory, `${dataDir}/database`);
}
