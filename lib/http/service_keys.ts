/**
 * The API of service keys, for `/api/v1/admin/keys`.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import type { IssuedServiceKey, ServiceKeyMetadata, ServiceKeys } from "../auth/service_keys.ts";
import { AppError } from "../errors.ts";
import { formatGrant } from "../principal/grant_text.ts";
import { readJson } from "./body.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { keyBody, parseExpiry, parseKeyGrants, rotationBody } from "./key_body.ts";
import { mountMethods } from "./methods.ts";
import { parseLimit } from "./paging.ts";
import { queryOnce } from "./secret_locator.ts";

type Handle = Handler<AppEnv>;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Serves `/`, `/:id`, `POST /:id/rotate` and, as another way to delete, `POST /:id/revoke`. */
export function serviceKeyRoutes(keys: ServiceKeys): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: list(keys), POST: create(keys) });
  mountMethods(app, "/:id", { GET: find(keys), DELETE: revoke(keys) });
  mountMethods(app, "/:id/revoke", { POST: revoke(keys) });
  mountMethods(app, "/:id/rotate", { POST: rotate(keys) });
  return app;
}

function list(keys: ServiceKeys): Handle {
  return async function listKeys(c) {
    const after = queryOnce(c, "cursor");
    const { keys: found, next } = await keys.list(c.get("principal"), {
      all: queryOnce(c, "all") === "true",
      limit: parseLimit(queryOnce(c, "limit")),
      ...(after !== undefined && { after: checkId(after, "cursor") }),
    });
    const now = new Date();
    const headers = next === undefined ? {} : { "x-next-cursor": next };
    return c.json(found.map((key) => keyJson(key, now)), 200, headers);
  };
}

function create(keys: ServiceKeys): Handle {
  return async function createKey(c) {
    const body = await readJson(c, keyBody);
    const issued = await keys.issue(c.get("principal"), {
      name: body.name ?? "",
      grants: parseKeyGrants(body),
      cidrs: body.cidrs ?? null,
      ...parseExpiry(body.expires_at),
    });
    return c.json(issuedJson(issued), 201);
  };
}

function find(keys: ServiceKeys): Handle {
  return async (c) => c.json(keyJson(await keys.find(c.get("principal"), idOf(c)), new Date()));
}

function revoke(keys: ServiceKeys): Handle {
  return async function revokeKey(c) {
    const { key, descendants } = await keys.revoke(c.get("principal"), idOf(c));
    return c.json({ ...keyJson(key, new Date()), revoked_with_it: descendants });
  };
}

function rotate(keys: ServiceKeys): Handle {
  return async function rotateKey(c) {
    const body = await readJson(c, rotationBody);
    const issued = await keys.rotate(c.get("principal"), idOf(c), {
      ...(body.overlap_seconds != null && { overlapMs: body.overlap_seconds * 1_000 }),
      ...parseExpiry(body.expires_at),
    });
    return c.json(issuedJson(issued));
  };
}

/** The one answer that ever holds a key. */
export function issuedJson({ key, text }: IssuedServiceKey) {
  return { ...keyJson(key, new Date()), key: text };
}

function keyJson(key: ServiceKeyMetadata, now: Date) {
  return {
    id: key.id,
    name: key.name,
    prefix: `fxsk_${key.prefix}`,
    kind: key.kind,
    state: stateOf(key, now),
    grants: key.grants,
    grants_text: key.grants.map(formatGrant),
    cidrs: key.cidrs,
    created_at: key.createdAt,
    created_by: key.createdBy,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedAt,
    previous_good_until: key.previousUntil,
  };
}

function stateOf({ revokedAt, expiresAt }: ServiceKeyMetadata, now: Date): string {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && expiresAt <= now ? "expired" : "good";
}

function idOf(c: AppContext): string {
  return checkId(c.req.param("id") ?? "", "key ID");
}

function checkId(id: string, what: string): string {
  if (UUID.test(id)) return id.toLowerCase();
  throw new AppError("INVALID_INPUT", `Invalid ${what}`);
}
