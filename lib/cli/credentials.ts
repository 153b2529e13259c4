/**
 * With which key a command speaks to the server.
 *
 * The admin key of this machine is only ever sent to this machine, to a server that has shown that
 * it holds it, and no key is sent in the clear to another one unless that is asked for.
 *
 * @module
 */
import { CliError, usageError } from "./failure.ts";
import { later } from "./later.ts";
import type { Settings } from "./settings.ts";

/** A key, and where it is from. */
export interface FoundKey {
  readonly token: string;
  /** Nobody named it: it was found in a data directory, and is for the server of that alone. */
  readonly fromDataDir: boolean;
}

/**
 * Finds the key: `--token-file`, else `FLUXBASE_TOKEN`, else that of the server's profile, else this
 * machine's admin key.
 *
 * @throws {CliError} Exit 3 when there is none, exit 2 when it may not be sent there.
 */
export async function findToken(settings: Settings): Promise<FoundKey> {
  const named = await givenToken(settings) ?? await profileKey(settings);
  const token = named ?? await adminKey(settings);
  if (token === null) throw noKey(settings);
  refusePlainHttp(settings);
  return { token, fromDataDir: named === null };
}

/**
 * Lets no key go in the clear to another machine unless that was asked for.
 *
 * @throws {CliError} Exit 2.
 */
export function refusePlainHttp(settings: Settings): void {
  if (settings.server.startsWith("http:") && !settings.loopback && !settings.insecure) {
    throw usageError(
      `The key is not sent over plain http to another machine`,
      "Use https, or --insecure on a network you trust",
    );
  }
}

async function givenToken(settings: Settings): Promise<string | null> {
  if (settings.tokenFile !== undefined) return await readTokenFile(settings);
  const text = settings.environment("FLUXBASE_TOKEN");
  return text === undefined ? null : parseToken(text, "FLUXBASE_TOKEN");
}

/**
 * The key in the file that `--token-file` names.
 *
 * @throws {CliError} Exit 3 when there is none.
 */
export async function readTokenFile(settings: Settings): Promise<string> {
  const text = await readText(settings.resolvePath(settings.tokenFile ?? ""));
  if (text === null) throw new CliError(3, "The token file does not exist");
  return parseToken(text, "The token file");
}

/** A profile's key is for its own server, and goes to no other. */
async function profileKey({ profile, server }: Settings): Promise<string | null> {
  if (profile === null || profile.server.replace(/\/+$/, "") !== server) return null;
  if (profile.store === "file") return profile.key;
  const [{ getFromKeyring }, { accountOf }] = await Promise.all([
    later<typeof import("./os_keyring.ts")>("./os_keyring.ts"),
    later<typeof import("./profiles.ts")>("./profiles.ts"),
  ]);
  const key = await getFromKeyring(accountOf(profile));
  if (key !== null) return key;
  throw new CliError(3, `The keyring has no key for profile '${profile.name}', or is locked`, {
    hint: "Unlock it, or run: fluxbase login",
  });
}

async function adminKey(settings: Settings): Promise<string | null> {
  if (!settings.loopback) return null;
  for (const directory of settings.dataDirs) {
    const text = await readText(`${directory}/admin.key`);
    if (text !== null) return parseToken(text, "The admin key file");
  }
  return null;
}

/**
 * Checks a key from outside.
 *
 * @param where What it came from, for the message.
 * @throws {CliError} Exit 3 when it isn't one word.
 */
export function parseToken(text: string, where: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CliError(3, `${where} must hold one key on one line`);
  }
  return token;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new CliError(3, "The key file cannot be read; check its owner and mode");
  }
}

function noKey(settings: Settings): CliError {
  const hint = settings.loopback
    ? "Start a server in this directory (deno task start), run: fluxbase login, or set FLUXBASE_TOKEN"
    : "Run: fluxbase login, or set FLUXBASE_TOKEN or --token-file PATH";
  return new CliError(3, `No key for ${settings.server}`, { hint });
}
