/**
 * Where the root keys come from, and the key ring that they open.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { generateWrappedKeys, type KeyRing, openKeyRing } from "../crypto/keyring.ts";
import { generateRootKey, parseRootKeys, type RootKey } from "../crypto/root_key.ts";
import type { DataDir } from "./data_dir.ts";
import { AppError } from "../errors.ts";
import { ensureDataKeys, listDataKeys } from "../store/data_keys.ts";
import type { Database } from "../store/sql.ts";

/** The name of the generated root key in the data directory. */
export const ROOT_KEY_FILE = "root.key";

/** An open key ring, and where its root is. */
export interface OpenedRing {
  readonly ring: KeyRing;
  /** For people: which setting or file gave the root key. */
  readonly from: string;
  /** Whether the root key was generated just now. */
  readonly generated: boolean;
}

/**
 * Opens the key ring, and makes it on a new database.
 *
 * A root key is generated for the embedded database only, and only while nothing is sealed yet: the
 * file is on the disk before the first key is wrapped with it.
 *
 * @throws {AppError} CONFIG_INVALID without a root key, or for a malformed one.
 * @throws {AppError} KEY_RING_LOCKED when the root keys given don't open the ring.
 */
export async function openRing(
  config: Config,
  dataDir: DataDir,
  database: Database,
): Promise<OpenedRing> {
  const { roots, from, generated } = await readRoots(config, dataDir, database);
  const stored = await ensureDataKeys(
    database.sql,
    () => generateWrappedKeys(roots[0]!, new Date()),
  );
  return { ring: openKeyRing(roots, stored), from, generated };
}

interface Roots {
  readonly roots: readonly RootKey[];
  readonly from: string;
  readonly generated: boolean;
}

async function readRoots(config: Config, dataDir: DataDir, database: Database): Promise<Roots> {
  if (config.rootKeys !== null) {
    return given(parseRootKeys(config.rootKeys), "FLUXBASE_ENCRYPTION_KEY");
  }
  if (config.rootKeysFile !== null) {
    return given(parseRootKeys(await readFile(config.rootKeysFile)), config.rootKeysFile);
  }
  const file = dataDir.file(ROOT_KEY_FILE);
  const kept = await dataDir.readKey(ROOT_KEY_FILE);
  if (kept !== null) return given(parseRootKeys(kept), file);
  await refuseToGenerate(database);
  const { text } = generateRootKey();
  await dataDir.writeKey(ROOT_KEY_FILE, text);
  return { roots: parseRootKeys(text), from: file, generated: true };
}

function given(roots: readonly RootKey[], from: string): Roots {
  return { roots, from, generated: false };
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new AppError("CONFIG_INVALID", "FLUXBASE_ENCRYPTION_KEY_FILE can't be read", { cause });
  }
}

async function refuseToGenerate(database: Database): Promise<void> {
  if (database.kind === "postgres") {
    throw new AppError(
      "CONFIG_INVALID",
      "FLUXBASE_ENCRYPTION_KEY or FLUXBASE_ENCRYPTION_KEY_FILE must be set with DATABASE_URL; " +
        "make a key with: openssl rand -base64 32",
    );
  }
  const wanted = new Set((await listDataKeys(database.sql)).map(({ rootId }) => rootId));
  if (wanted.size === 0) return;
  throw new AppError(
    "KEY_RING_LOCKED",
    `${ROOT_KEY_FILE} is missing in the data directory, and the database was sealed with root key ` +
      `${[...wanted].join(", ")}; put that file back`,
  );
}
