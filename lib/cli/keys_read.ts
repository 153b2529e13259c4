/**
 * `keys list` and `get`, and finding a key by what people call it.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { CliError } from "./failure.ts";
import { formatTime, print, printData } from "./output.ts";
import type { Context } from "./table.ts";

/** A service key as the API returns it. */
export interface KeyInfo {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly kind: string;
  readonly state: string;
  readonly grants_text: readonly string[];
  readonly cidrs: readonly string[] | null;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly previous_good_until: string | null;
}

/** Where the API has the keys. */
export const KEYS = "/api/v1/admin/keys";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Lists keys. */
export async function listKeys(context: Context): Promise<void> {
  const all = context.flags.on("all");
  const found = await allKeys(await context.connect(), all);
  await print(context, found, {
    columns: ["NAME", "KEY", "STATE", "MAY", "EXPIRES", "LAST USED"],
    rows: found.map((key) => [
      key.name,
      `${key.prefix}…`,
      key.state,
      key.grants_text.join("; "),
      key.expires_at === null ? "never" : formatTime(key.expires_at),
      formatTime(key.last_used_at),
    ]),
    empty: "No service keys found.",
  });
}

/** Shows one key's metadata. */
export async function getKey(context: Context): Promise<void> {
  const client = await context.connect();
  const { id } = await findKey(client, context.args.KEY!);
  await printData(context, await client.json<KeyInfo>("GET", `${KEYS}/${id}`));
}

/**
 * The key that a name, an ID or the beginning of a key means. Good ones come first.
 *
 * @throws {CliError} Exit 4 when there is none, exit 5 when there are several.
 */
export async function findKey(client: Client, text: string): Promise<Pick<KeyInfo, "id" | "name">> {
  if (UUID.test(text)) return { id: text, name: text };
  // Whoever pastes the whole key means that one; only its public beginning is used.
  const prefix = /^(fxsk_[0-9A-Za-z]{8})(?:_|$)/.exec(text)?.[1];
  const named = (await allKeys(client, true)).filter((key) =>
    prefix === undefined ? key.name === text : key.prefix === prefix
  );
  const good = named.filter((key) => key.state === "good");
  const [found, ...more] = good.length > 0 ? good : named;
  if (found === undefined) throw new CliError(4, "Service key not found");
  if (more.length === 0) return found;
  throw new CliError(5, "Several service keys have this name", {
    hint: `Name it by how it begins: ${[found, ...more].map(({ prefix }) => prefix).join(", ")}`,
  });
}

async function allKeys(client: Client, all: boolean): Promise<KeyInfo[]> {
  const found: KeyInfo[] = [];
  let cursor: string | null = null;
  do {
    const query = { all: all ? "true" : null, cursor };
    const page: { data: KeyInfo[]; headers: Headers } = await client.jsonWithHeaders<KeyInfo[]>(
      "GET",
      KEYS,
      { query },
    );
    found.push(...page.data);
    cursor = page.headers.get("x-next-cursor");
  } while (cursor !== null);
  return found;
}
