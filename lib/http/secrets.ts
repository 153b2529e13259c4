/**
 * The API of secrets: one set of handlers, mounted under two families of paths.
 *
 * Handlers parse, call the vault and shape the answer; they decide nothing.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import { AppError } from "../errors.ts";
import { parseNamespace, type ScopeName, type SecretRef } from "../resolve/ref.ts";
import type { Vault, WriteResult } from "../vault/vault.ts";
import { readJson } from "./body.ts";
import { conditionsOf, etagOf } from "./conditions.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { nextPageHeaders, parseCursor, parseLimit } from "./paging.ts";
import { listDeleted, mountRecovery, purge, type RecoveryParts } from "./recovery.ts";
import { parseNewSecret, parseSecretPatch, rollbackBody, secretBody } from "./secret_body.ts";
import { secretJson, statsJson, summaryJson, versionJson, writtenJson } from "./secret_json.ts";
import { byId, byName, type Naming, queryOnce } from "./secret_locator.ts";
import { deletionWarning, showUsage, type UsageReader } from "./secret_usage.ts";

type Handle = Handler<AppEnv>;

/**
 * Secrets by name: `/`, `/:name`, `/:name/history`, `/:name/usage`, `POST /:name/rollback` with a
 * version.
 */
export function namedSecretRoutes(vault: Vault, usage?: UsageReader): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: list(vault), POST: create(vault) });
  mountRecovery(app, { vault, usage }, "/:name");
  mountOne(app, "/:name", { vault, usage }, byName);
  if (usage !== undefined) {
    mountMethods(app, "/:name/usage", {
      GET: async (c) => showUsage(c, usage, await byName.locate(c, vault) as SecretRef),
    });
  }
  mountMethods(app, "/:name/history", { GET: history(vault, byName) });
  mountMethods(app, "/:name/rollback", { POST: rollbackByBody(vault, byName) });
  return app;
}

/** Secrets by id and, under `/by-name`, by name; `/versions`; `POST …/rollback/:version`. */
export function secretRoutes(vault: Vault, usage?: UsageReader): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: list(vault), POST: create(vault) });
  mountMethods(app, "/stats", { GET: stats(vault) });
  mountRecovery(app, { vault, usage }, "/by-name/:name");
  for (const [path, naming] of [["/by-name/:name", byName], ["/:id", byId]] as const) {
    mountOne(app, path, { vault, usage }, naming);
    mountMethods(app, `${path}/versions`, { GET: history(vault, naming) });
    mountMethods(app, `${path}/rollback/:version`, { POST: rollbackByPath(vault, naming) });
  }
  return app;
}

function mountOne(app: Hono<AppEnv>, path: string, parts: RecoveryParts, naming: Naming): void {
  const { vault } = parts;
  mountMethods(app, path, {
    GET: find(vault, naming),
    PUT: update(vault, naming),
    DELETE: remove(parts, naming),
  });
}

function list(vault: Vault): Handle {
  return async function listSecrets(c) {
    if (queryOnce(c, "deleted") === "true") return await listDeleted(c, vault);
    const scope = queryOnce(c, "scope") ?? "";
    const namespace = queryOnce(c, "namespace");
    const cursor = queryOnce(c, "cursor");
    const limit = parseLimit(queryOnce(c, "limit"));
    const filter = {
      ...(namespace && { namespace: parseNamespace(namespace) }),
      ...(cursor !== undefined && { after: parseCursor(cursor) }),
    };
    if (!isScopeFilter(scope)) return c.json([]);
    const { secrets, next } = await vault.list(c.get("principal"), {
      ...filter,
      limit,
      ...((scope === "global" || scope === "namespace") && { scope }),
    });
    const now = Date.now();
    const headers = nextPageHeaders(c.req.url, next);
    return c.json(secrets.map((secret) => summaryJson(secret, now)), 200, headers);
  };
}

/** Clients send `all` or nothing for no filter; under any other scope there is nothing. */
function isScopeFilter(scope: string): scope is ScopeName | "all" | "" {
  return ["", "all", "global", "namespace"].includes(scope);
}

function stats(vault: Vault): Handle {
  return async (c) => c.json(statsJson(await vault.stats(c.get("principal"))));
}

function create(vault: Vault): Handle {
  return async function createSecret(c) {
    const conditions = conditionsOf(c);
    const body = await readJson(c, secretBody);
    const { ref, secret } = parseNewSecret(body, queryOnce(c, "namespace"));
    return written(c, await vault.create(c.get("principal"), ref, secret, conditions), 201);
  };
}

function find(vault: Vault, naming: Naming): Handle {
  return async function findSecret(c) {
    const locator = await naming.locate(c, vault);
    const secret = await vault.find(c.get("principal"), locator);
    return c.json(secretJson(secret), 200, { etag: etagOf(secret.version) });
  };
}

function update(vault: Vault, naming: Naming): Handle {
  return async function updateSecret(c) {
    naming.precheck(c);
    const conditions = conditionsOf(c);
    const body = await readJson(c, secretBody);
    const patch = parseSecretPatch(body);
    const locator = await naming.locate(c, vault, body);
    return written(c, await vault.update(c.get("principal"), locator, patch, conditions), 200);
  };
}

function remove({ vault, usage }: RecoveryParts, naming: Naming): Handle {
  return async function deleteSecret(c) {
    if (queryOnce(c, "purge") === "true") return await purge(c, { vault, usage }, naming);
    const conditions = conditionsOf(c);
    const locator = await naming.locate(c, vault);
    const { secret, replayed } = await vault.delete(c.get("principal"), locator, conditions);
    const warning = await deletionWarning(usage, secret, { forGood: false });
    const message = "Secret deleted successfully";
    return c.json({ message, ...warning }, 200, replayHeaders(replayed));
  };
}

function history(vault: Vault, naming: Naming): Handle {
  return async function secretHistory(c) {
    const locator = await naming.locate(c, vault);
    try {
      const versions = await vault.versions(c.get("principal"), locator);
      return c.json(versions.map(versionJson));
    } catch (error) {
      // Clients of the id path take an unknown id for a secret without a history.
      const unknown = error instanceof AppError && error.code === "SECRET_NOT_FOUND";
      if (unknown && naming === byId) return c.json([]);
      throw error;
    }
  };
}

function rollbackByPath(vault: Vault, naming: Naming): Handle {
  return async function rollbackSecret(c) {
    naming.precheck(c);
    const version = parseVersion(c.req.param("version"));
    const locator = await naming.locate(c, vault);
    const result = await vault.rollback(c.get("principal"), locator, version, conditionsOf(c));
    return written(c, result, 200);
  };
}

function rollbackByBody(vault: Vault, naming: Naming): Handle {
  return async function rollbackSecret(c) {
    const body = await readJson(c, rollbackBody);
    const version = parseVersion(body.version);
    const locator = await naming.locate(c, vault, body);
    const result = await vault.rollback(c.get("principal"), locator, version, conditionsOf(c));
    return written(c, result, 200);
  };
}

function parseVersion(input: unknown): number {
  const text = typeof input === "number" ? String(input) : input;
  const version = typeof text === "string" && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (version >= 1 && version <= 2_147_483_647) return version;
  throw new AppError("INVALID_INPUT", "Invalid version number");
}

function written(c: AppContext, result: WriteResult, status: 200 | 201): Response {
  const headers = { etag: etagOf(result.secret.version), ...replayHeaders(result.replayed) };
  return c.json(writtenJson(result, status), status, headers);
}

function replayHeaders(replayed: boolean): Record<string, string> {
  return replayed ? { "idempotency-replayed": "true" } : {};
}
