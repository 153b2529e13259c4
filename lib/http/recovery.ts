/**
 * Bringing back, and many changes at once: routes beside those of single secrets.
 *
 * @module
 */
import type { Handler, Hono } from "hono";
import * as z from "zod";
import { AppError } from "../errors.ts";
import { type Namespace, parseNamespace, parseSecretName } from "../resolve/ref.ts";
import type { BulkOperation, BulkResult } from "../vault/bulk.ts";
import type { RestoredSecret } from "../vault/moments.ts";
import type { DeletedSecret } from "../vault/recovery.ts";
import type { Vault } from "../vault/vault.ts";
import { readJson } from "./body.ts";
import { conditionsOf, parseIfMatch } from "./conditions.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { parseLimit } from "./paging.ts";
import { parsePlace, parseSecretPatch, secretBody } from "./secret_body.ts";
import { secretJson } from "./secret_json.ts";
import { byName, type Naming, queryOnce } from "./secret_locator.ts";
import { deletionWarning, type UsageReader } from "./secret_usage.ts";
import { parseTime } from "./time.ts";

type Handle = Handler<AppEnv>;

/** What these routes work on; without `usage` nobody is warned. */
export interface RecoveryParts {
  readonly vault: Vault;
  readonly usage: UsageReader | undefined;
}

const text = z.string({ error: "must be a string" }).nullish();
const momentBody = z.object({
  at: z.string({ error: "must be an RFC 3339 time" }),
  scope: text,
  namespace: text,
  dry_run: z.boolean({ error: "must be true or false" }).optional(),
});
const restoreBody = z.object({
  scope: text,
  namespace: text,
  as_version: z.boolean({ error: "must be true or false" }).optional(),
});
const bulkBody = z.object({
  operations: z.array(
    secretBody.extend({
      op: z.enum(["set", "delete"], { error: "must be set or delete" }),
      if_match: z.union([z.string(), z.number()], { error: "must be a version or *" }).optional(),
    }),
    { error: "must be a list" },
  ),
});

/**
 * Mounts `POST /bulk`, `POST /restore` and `POST <one>/restore`. Other methods of these paths are
 * left to the secrets that are called like that.
 */
export function mountRecovery(app: Hono<AppEnv>, parts: RecoveryParts, one: string): void {
  app.post("/bulk", bulk(parts));
  app.post("/restore", restoreAt(parts.vault));
  app.post(`${one}/restore`, restore(parts.vault));
}

/** Lists deleted secrets, the last deleted first, for `?deleted=true`. */
export async function listDeleted(c: AppContext, vault: Vault): Promise<Response> {
  const cursor = queryOnce(c, "cursor");
  const place = placeOf(queryOnce(c, "scope"), queryOnce(c, "namespace"));
  const { secrets, next } = await vault.recovery.listDeleted(c.get("principal"), {
    limit: parseLimit(queryOnce(c, "limit")),
    ...(place !== undefined && { place }),
    ...(cursor !== undefined && { after: parsePosition(cursor) }),
  });
  const headers = next === undefined ? {} : { "x-next-cursor": formatPosition(next) };
  return c.json(secrets.map(deletedJson), 200, headers);
}

/** Removes a secret for good, for `DELETE …?purge=true`. */
export async function purge(
  c: AppContext,
  { vault, usage }: RecoveryParts,
  naming: Naming,
): Promise<Response> {
  if (naming !== byName) throw new AppError("INVALID_INPUT", "purge needs the secret's name");
  const ref = { namespace: parsePlace({}, queryOnce(c, "namespace")), name: nameOf(c) };
  const purged = await vault.recovery.purge(c.get("principal"), ref);
  const warning = await deletionWarning(usage, ref, { forGood: true });
  return c.json({ message: "Secret removed for good", purged, ...warning });
}

function restore(vault: Vault): Handle {
  return async function restoreSecret(c) {
    const body = await readJson(c, restoreBody);
    const ref = { namespace: parsePlace(body, queryOnce(c, "namespace")), name: nameOf(c) };
    const asVersion = body.as_version === true;
    return c.json(
      secretJson(await vault.recovery.restore(c.get("principal"), ref, { asVersion })),
    );
  };
}

function restoreAt(vault: Vault): Handle {
  return async function restorePlace(c) {
    const body = await readJson(c, momentBody);
    const place = placeOf(body.scope, body.namespace);
    if (place === undefined) {
      throw new AppError("INVALID_INPUT", "A namespace, or the scope global, must be named");
    }
    const dryRun = body.dry_run === true;
    const at = parseTime(body.at, "at");
    const results = await vault.moments.restore(c.get("principal"), place, at, { dryRun });
    return c.json({ at: at.toISOString(), dry_run: dryRun, secrets: results.map(restoredJson) });
  };
}

function bulk({ vault, usage }: RecoveryParts): Handle {
  return async function changeSecrets(c) {
    const { idempotencyKey } = conditionsOf(c);
    const { operations } = await readJson(c, bulkBody);
    const parsed = operations.map((operation, index) => numbered(index, () => parse(operation)));
    const options = idempotencyKey === undefined ? {} : { idempotencyKey };
    const results = await vault.bulk.write(c.get("principal"), parsed, options);
    return c.json({ results: await withWarnings(usage, parsed, results) });
  };
}

/** One after the other: a thousand questions at once would keep everybody else waiting. */
async function withWarnings(
  usage: UsageReader | undefined,
  operations: readonly BulkOperation[],
  results: readonly BulkResult[],
): Promise<object[]> {
  const told: object[] = [];
  for (const [index, result] of results.entries()) {
    const warning = result.action === "deleted"
      ? await deletionWarning(usage, operations[index]!.ref, { forGood: false })
      : {};
    told.push({ ...result, ...warning });
  }
  return told;
}

function parse(operation: z.infer<typeof bulkBody>["operations"][number]): BulkOperation {
  if (!operation.name) throw new AppError("INVALID_INPUT", "Name is required");
  const ref = {
    namespace: parsePlace(operation, undefined),
    name: parseSecretName(operation.name),
  };
  const { if_match: condition } = operation;
  return {
    ref,
    patch: operation.op === "delete" ? null : parseSecretPatch(operation),
    ...(condition !== undefined && { ifMatch: parseIfMatch(String(condition)) }),
  };
}

function numbered<T>(index: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `Operation ${index}: ${error.message}`, { cause: error });
  }
}

/** `undefined`: everything. */
function placeOf(
  scope: string | null | undefined,
  namespace: string | null | undefined,
): Namespace | null | undefined {
  if (scope === "global" && namespace) {
    throw new AppError("INVALID_INPUT", "Namespace must be empty when scope is 'global'");
  }
  if (namespace) return parseNamespace(namespace);
  return scope === "global" ? null : undefined;
}

function nameOf(c: AppContext) {
  return parseSecretName(c.req.param("name") ?? "");
}

function deletedJson(secret: DeletedSecret): object {
  return { ...secretJson(secret), deleted_at: secret.deletedAt.toISOString() };
}

function restoredJson({ secret, action, version, from }: RestoredSecret): object {
  const { name, namespace } = secret;
  return {
    name,
    ...(namespace !== null && { namespace }),
    action,
    version,
    ...(from !== null && { from_version: from }),
  };
}

function formatPosition({ deletedAt, id }: { deletedAt: Date; id: string }): string {
  return `${deletedAt.getTime()}.${id}`;
}

function parsePosition(cursor: string): { deletedAt: Date; id: string } {
  const found = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(cursor);
  if (found === null) throw new AppError("INVALID_INPUT", "cursor must come from the page before");
  return { deletedAt: new Date(Number(found[1])), id: found[2]! };
}
