/**
 * Where the root comes from: the settings, or a key that the server makes for itself.
 *
 * @module
 */
import { generateRootKey, parseRootKeys } from "../crypto/root_key.ts";
import { AppError } from "../errors.ts";
import type { KeySettings } from "../keyring/key_settings.ts";
import type { RootRenewal } from "../keyring/key_service.ts";
import { rootProvider } from "../keyring/providers.ts";
import type { RootProvider } from "../keyring/root.ts";
import { listDataKeys } from "../store/data_keys.ts";
import type { Database } from "../store/sql.ts";
import type { DataDir } from "./data_dir.ts";

/** The name of the generated root key in the data directory. */
export const ROOT_KEY_FILE = "root.key";
/** Where the one before is kept after a new one was made. */
export const OLD_ROOT_KEY_FILE = "root.key.old";

/** Where the root is. */
export interface FoundRoot {
  readonly provider: RootProvider;
  /** Whether it was generated just now. */
  readonly generated: boolean;
  /** How a new one is made; `null` where it is the operator's. */
  readonly renewal: RootRenewal | null;
}

/**
 * Finds the root.
 *
 * One is generated for the embedded database only, and only while nothing is sealed yet: the file is
 * on the disk before the first key is sealed with it.
 *
 * @param env The environment that a key command gets.
 * @throws {AppError} CONFIG_INVALID without a root.
 * @throws {AppError} KEY_RING_LOCKED when the generated one is missing and was used.
 */
export async function findRoot(
  settings: KeySettings,
  dataDir: DataDir,
  database: Database,
  env: Readonly<Record<string, string>>,
): Promise<FoundRoot> {
  const isOurs = settings.source === null && settings.transit === null;
  const generated = isOurs && await generateIfNew(dataDir, database);
  const file = { from: dataDir.file(ROOT_KEY_FILE), read: () => readRootFile(dataDir) };
  const provider = rootProvider(settings, file, { env: commandEnvironment(env) })!;
  const renewal = isOurs && database.kind === "embedded" ? renewalIn(dataDir) : null;
  return { provider, generated, renewal };
}

async function generateIfNew(dataDir: DataDir, database: Database): Promise<boolean> {
  if (await dataDir.readKey(ROOT_KEY_FILE) !== null) return false;
  await refuseToGenerate(database);
  await dataDir.writeKey(ROOT_KEY_FILE, generateRootKey().text);
  return true;
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

async function readRootFile(dataDir: DataDir): Promise<string> {
  const text = await dataDir.readKey(ROOT_KEY_FILE);
  if (text !== null) return text;
  throw new AppError("CONFIG_INVALID", `${ROOT_KEY_FILE} is missing in the data directory`);
}

/**
 * At every moment the file holds a key that opens the ring: first the old one, then both, then the
 * new one. A server that is killed in between starts with what is there, and goes on when told to.
 */
function renewalIn(dataDir: DataDir): RootRenewal {
  return {
    async begin() {
      const text = await readRootFile(dataDir);
      // Two: an earlier renewal was begun and not ended.
      if (parseRootKeys(text).length > 1) return;
      const both = `${generateRootKey().text},${text}`;
      if (parseRootKeys(both)[1]?.id !== parseRootKeys(text)[0]!.id) {
        throw new AppError("CONFIG_INVALID", `${ROOT_KEY_FILE} must be base64 or hex for this`);
      }
      await dataDir.writeKey(OLD_ROOT_KEY_FILE, text);
      await dataDir.writeKey(ROOT_KEY_FILE, both);
    },
    async end() {
      const [first] = (await readRootFile(dataDir)).split(",");
      await dataDir.writeKey(ROOT_KEY_FILE, first!.trim());
    },
    forget: () => dataDir.removeKey(OLD_ROOT_KEY_FILE),
  };
}

/** A command needs its way and its credentials, but nothing of ours. */
function commandEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const isOurs = (name: string) => name.startsWith("FLUXBASE_") || name === "DATABASE_URL";
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOurs(name)));
}
