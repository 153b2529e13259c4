/**
 * With which key a command speaks to the server.
 *
 * The admin key of this machine is only ever sent to this machine, and no key is sent in the clear
 * to another one unless that is asked for.
 *
 * @module
 */
import { CliError, usageError } from "./failure.ts";
import type { Settings } from "./settings.ts";

/**
 * Finds the key: `--token-file`, else `FLUXBASE_TOKEN`, else this machine's admin key.
 *
 * @throws {CliError} Exit 3 when there is none, exit 2 when it may not be sent there.
 */
export async function findToken(settings: Settings): Promise<string> {
  const token = await givenToken(settings) ?? await adminKey(settings);
  if (token === null) throw noKey(settings);
  if (settings.server.startsWith("http:") && !settings.loopback && !settings.insecure) {
    throw usageError(
      `The key is not sent over plain http to another machine`,
      "Use https, or --insecure on a network you trust",
    );
  }
  return token;
}

async function givenToken(settings: Settings): Promise<string | null> {
  if (settings.tokenFile !== undefined) {
    const text = await readText(settings.resolvePath(settings.tokenFile));
    if (text === null) throw new CliError(3, "The token file does not exist");
    return parseToken(text, "The token file");
  }
  const text = settings.environment("FLUXBASE_TOKEN");
  return text === undefined ? null : parseToken(text, "FLUXBASE_TOKEN");
}

async function adminKey(settings: Settings): Promise<string | null> {
  if (!settings.loopback) return null;
  for (const directory of settings.dataDirs) {
    const text = await readText(`${directory}/admin.key`);
    if (text !== null) return parseToken(text, "The admin key file");
  }
  return null;
}

function parseToken(text: string, where: string): string {
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
    ? "Start a server in this directory (deno task start), or set FLUXBASE_TOKEN or --token-file"
    : "Set FLUXBASE_TOKEN, or use --token-file PATH";
  return new CliError(3, `No key for ${settings.server}`, { hint });
}
