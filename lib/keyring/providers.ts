/**
 * Where the roots come from, as the settings say.
 *
 * @module
 */
import { parseRootKeys } from "../crypto/root_key.ts";
import { AppError } from "../errors.ts";
import { runKeyCommand } from "./command.ts";
import type { KeySettings, KeySource } from "./key_settings.ts";
import { localRoot, type Root, type RootProvider } from "./root.ts";
import { TransitRoot } from "./transit.ts";

/** What providers need beside the settings. */
export interface ProviderOptions {
  /** The environment that a command gets. */
  readonly env: Readonly<Record<string, string>>;
  /** How long a command may take, ms. */
  readonly commandTimeoutMs?: number;
}

/** Reads root keys as text. */
interface TextProvider {
  readonly from: string;
  read(): Promise<string>;
}

/**
 * Makes the provider of the settings.
 *
 * @param fallback Where keys come from when no setting says so; `null` for nowhere.
 * @returns `null` when there is nowhere to get a root from.
 */
export function rootProvider(
  { source, transit }: Pick<KeySettings, "source" | "transit">,
  fallback: TextProvider | null,
  options: ProviderOptions,
): RootProvider | null {
  // With Transit, a key in the data directory is used only if a setting says so.
  const texts = source === null ? (transit === null ? fallback : null) : texter(source, options);
  if (transit === null) return texts && local(texts);
  const remote = new TransitRoot(transit);
  const name = `Transit key ${transit.key} at ${transit.url}`;
  if (texts === null) return { from: name, read: () => Promise.resolve([remote]) };
  const { from, read } = local(texts);
  return {
    from: transit.active ? `${name}; then ${from}` : `${from}; then ${name}`,
    read: async () => transit.active ? [remote, ...await read()] : [...await read(), remote],
  };
}

function local({ from, read }: TextProvider): RootProvider {
  return { from, read: async (): Promise<Root[]> => parseRootKeys(await read()).map(localRoot) };
}

function texter(source: KeySource, { env, commandTimeoutMs }: ProviderOptions): TextProvider {
  switch (source.kind) {
    case "text":
      return { from: "FLUXBASE_ENCRYPTION_KEY", read: () => Promise.resolve(source.text) };
    case "file":
      return { from: source.path, read: () => readFile(source.path) };
    case "command": {
      const timeout = commandTimeoutMs === undefined ? {} : { timeoutMs: commandTimeoutMs };
      return {
        from: "FLUXBASE_ENCRYPTION_KEY_COMMAND",
        read: () => runKeyCommand(source.words, { env, ...timeout }),
      };
    }
  }
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new AppError("CONFIG_INVALID", "FLUXBASE_ENCRYPTION_KEY_FILE can't be read", { cause });
  }
}
