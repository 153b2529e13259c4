/**
 * `secrets list`, `get` and `history`.
 *
 * @module
 */
import { parseNamespace } from "../resolve/ref.ts";
import type { Client } from "./client.ts";
import { usageError } from "./failure.ts";
import { formatTime, print, printData } from "./output.ts";
import { parseScope, type SecretInfo, secretPath, secretRef } from "./place.ts";
import type { Context } from "./table.ts";

interface VersionInfo {
  readonly version: number;
  readonly created_at: string;
  readonly created_by?: string;
}

/** Lists secrets, page after page. */
export async function listSecrets(context: Context): Promise<void> {
  const scope = parseScope(context.flags);
  const namespace = context.flags.text("namespace");
  if (scope === "global" && namespace !== undefined) {
    throw usageError("--namespace cannot be given when scope is 'global'");
  }
  const query = { scope, namespace: namespace === undefined ? null : parseNamespace(namespace) };
  if (context.flags.on("deleted")) return await listDeleted(context, query);
  const found = await allPages<SecretInfo>(await context.connect(), "/api/v1/secrets", query);
  await print(context, found, {
    columns: ["NAME", "SCOPE", "NAMESPACE", "VERSION", "EXPIRES", "UPDATED"],
    rows: found.map((each) => [
      each.name,
      each.scope,
      each.namespace ?? "-",
      String(each.version),
      expiryText(each),
      formatTime(each.updated_at),
    ]),
    empty: "No secrets found.",
  });
}

async function listDeleted(
  context: Context,
  query: Readonly<Record<string, string | null | undefined>>,
): Promise<void> {
  const found = await allPages<SecretInfo & { readonly deleted_at: string }>(
    await context.connect(),
    "/api/v1/secrets",
    { ...query, deleted: "true" },
  );
  await print(context, found, {
    columns: ["NAME", "SCOPE", "NAMESPACE", "VERSION", "DELETED", "BY"],
    rows: found.map((each) => [
      each.name,
      each.scope,
      each.namespace ?? "-",
      String(each.version),
      formatTime(each.deleted_at),
      each.updated_by ?? "-",
    ]),
    empty: "No deleted secrets found.",
  });
}

async function allPages<T>(
  client: Client,
  path: string,
  query: Readonly<Record<string, string | null | undefined>>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const page: { data: T[]; headers: Headers } = await client.jsonWithHeaders<T[]>("GET", path, {
      query: { ...query, cursor },
    });
    all.push(...page.data);
    cursor = page.headers.get("x-next-cursor");
  } while (cursor !== null && cursor !== "");
  return all;
}

function expiryText(secret: SecretInfo): string {
  if (secret.expires_at === undefined) return "never";
  return formatTime(secret.expires_at) + (secret.is_expired === true ? " (expired)" : "");
}

/** Shows one secret's metadata; as JSON where a table would be, since it is one thing. */
export async function getSecret(context: Context): Promise<void> {
  const ref = secretRef(context);
  const client = await context.connect();
  const query = { namespace: ref.namespace };
  await printData(context, await client.json<SecretInfo>("GET", secretPath(ref), { query }));
}

/** Lists the versions of one secret. */
export async function listVersions(context: Context): Promise<void> {
  const ref = secretRef(context);
  const client = await context.connect();
  const query = { namespace: ref.namespace };
  const found = await client.json<VersionInfo[]>("GET", `${secretPath(ref)}/versions`, { query });
  await print(context, found, {
    columns: ["VERSION", "CREATED AT", "CREATED BY"],
    rows: found.map((each) => [
      String(each.version),
      formatTime(each.created_at),
      each.created_by ?? "-",
    ]),
    empty: "No version history found.",
  });
}
