/**
 * `keys create`, `rotate` and `revoke`.
 *
 * @module
 */
import { parseGrantText } from "../principal/grant_text.ts";
import { roleGrant } from "../principal/roles.ts";
import { parseExpires } from "./expires.ts";
import { usageError } from "./failure.ts";
import { findKey, type KeyInfo, KEYS } from "./keys_read.ts";
import { formatTime, printData } from "./output.ts";
import type { Context } from "./table.ts";

/** A key that was just made, with the key itself. */
type IssuedKey = KeyInfo & { readonly key: string };

/** Makes a key. */
export async function createKey(context: Context): Promise<void> {
  const { flags, args } = context;
  const namespaces = list(flags.texts("namespace"), ["*"]);
  const role = flags.text("role");
  // Checked here, too, so that a typo is told without a server.
  const grants = flags.texts("grant").map((text) => parseGrantText(text, namespaces));
  if (role !== undefined) grants.unshift(roleGrant(role, namespaces));
  if (grants.length === 0) throw usageError("--role or --grant is needed");
  const cidrs = list(flags.texts("cidr"), []);
  const json = {
    name: args.NAME,
    grants,
    ...(cidrs.length > 0 && { cidrs }),
    ...expiry(context),
  };
  const client = await context.connect();
  const issued = await client.json<IssuedKey>("POST", KEYS, { json, once: true });
  await show(context, issued, `Key '${issued.name}' created`);
}

/** Gives a key a new secret. */
export async function rotateKey(context: Context): Promise<void> {
  const overlap = context.flags.text("overlap");
  const json = {
    ...(overlap !== undefined && { overlap_seconds: seconds(overlap) }),
    ...expiry(context),
  };
  const client = await context.connect();
  const { id } = await findKey(client, context.args.KEY!);
  const issued = await client.json<IssuedKey>("POST", `${KEYS}/${id}/rotate`, { json, once: true });
  const until = issued.previous_good_until;
  const old = until === null ? "no longer good" : `good until ${formatTime(until)}`;
  await show(context, issued, `Key '${issued.name}' rotated; the old one is ${old}`);
}

/** Ends a key. */
export async function revokeKey(context: Context): Promise<void> {
  const client = await context.connect();
  const { id } = await findKey(client, context.args.KEY!);
  const answer = await client.json<KeyInfo & { revoked_with_it: number }>(
    "DELETE",
    `${KEYS}/${id}`,
  );
  if (context.settings.format !== "table") return await printData(context, answer);
  const others = answer.revoked_with_it;
  const tail = others === 0 ? "" : `, and ${others} made with it`;
  context.io.tell(`Key '${answer.name}' revoked${tail}.`);
}

/** The key alone is data; what is said about it isn't. */
async function show(context: Context, issued: IssuedKey, what: string): Promise<void> {
  if (context.settings.format !== "table") return await printData(context, issued);
  const expires = issued.expires_at === null ? "never" : formatTime(issued.expires_at);
  if (!context.io.quiet) {
    context.io.note(`${what}. It expires: ${expires}. This is the only time that it is shown:`);
  }
  context.io.out(issued.key);
}

function expiry({ flags }: Context): { expires_at?: string | null } {
  const text = flags.text("expires");
  return text === undefined ? {} : { expires_at: parseExpires(text, Temporal.Now.instant()) };
}

function seconds(text: string): number {
  if (/^0[smhd]?$/.test(text)) return 0;
  const now = Temporal.Now.instant();
  const until = /^\d+[a-z]/.test(text) ? parseExpires(text, now) : null;
  if (until === null) throw usageError("--overlap is a period such as 2h or 1d, or 0");
  return Math.round(now.until(Temporal.Instant.from(until)).total("seconds"));
}

function list(texts: readonly string[], fallback: string[]): string[] {
  const items = texts.flatMap((text) => text.split(",")).map((item) => item.trim());
  return items.length === 0 ? fallback : items;
}
