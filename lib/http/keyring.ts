/**
 * The API of the key ring, for `/api/v1/admin/keyring`. No answer holds a key.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import * as z from "zod";
import { AppError } from "../errors.ts";
import type { ListedKey } from "../keyring/key_admin.ts";
import type { KeyService } from "../keyring/key_service.ts";
import { readJson } from "./body.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";

type Handle = Handler<AppEnv>;

const KEY_ID = /^[0-9a-f]{16}$/;
const rotation = z.object({
  purposes: z.array(z.enum(["value", "row", "token", "digest"])).min(1).optional(),
});
const rewrapping = z.object({ new_root: z.boolean().optional() });
const verification = z.object({ forget_old_root: z.boolean().optional() });

/** Serves `/`, `POST /rotate`, `/rewrap`, `/verify` and `/keys/:id/retire`. */
export function keyringRoutes(keys: KeyService): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: list(keys) });
  mountMethods(app, "/rotate", { POST: rotate(keys) });
  mountMethods(app, "/rewrap", { POST: rewrap(keys) });
  mountMethods(app, "/verify", { POST: verify(keys) });
  mountMethods(app, "/keys/:id/retire", { POST: retire(keys) });
  return app;
}

function list(keys: KeyService): Handle {
  return async function listKeyRing(c) {
    const { roots, keys: listed, renewal } = await keys.list(c.get("principal"));
    return c.json({ roots, keys: listed.map(keyJson), renewal });
  };
}

function rotate(keys: KeyService): Handle {
  return async function rotateKeys(c) {
    const { purposes } = await bodyOf(c, rotation);
    return c.json({ keys: await keys.rotate(c.get("principal"), purposes) }, 201);
  };
}

function rewrap(keys: KeyService): Handle {
  return async function rewrapKeyRing(c) {
    const { new_root: newRoot = false } = await bodyOf(c, rewrapping);
    const { rootId, rewrapped } = await keys.rewrap(c.get("principal"), newRoot);
    return c.json({ root_id: rootId, rewrapped });
  };
}

function verify(keys: KeyService): Handle {
  return async function verifyKeyRing(c) {
    const { forget_old_root: forget = false } = await bodyOf(c, verification);
    const report = await keys.verify(c.get("principal"), forget);
    return c.json({
      ok: report.problems.length === 0,
      problems: report.problems,
      keys: report.keys,
      active_root: report.activeRoot,
      other_roots: report.otherRoots,
      old_root_forgotten: report.oldRootForgotten,
    });
  };
}

function retire(keys: KeyService): Handle {
  return async function retireKey(c) {
    const id = c.req.param("id") ?? "";
    if (!KEY_ID.test(id)) throw new AppError("INVALID_INPUT", "Invalid key ID");
    await keys.retire(c.get("principal"), id);
    return c.json({ id, status: "destroyed" });
  };
}

/** The fields are all optional, and so is the body. */
async function bodyOf<T>(c: AppContext, schema: z.ZodType<T>): Promise<T> {
  const isEmpty = c.req.header("content-type") === undefined;
  return isEmpty ? schema.parse({}) : await readJson(c, schema);
}

function keyJson(key: ListedKey) {
  return {
    id: key.id,
    purpose: key.purpose,
    status: key.destroyedAt === null ? key.status : "destroyed",
    root_id: key.rootId,
    created_at: key.createdAt,
    destroyed_at: key.destroyedAt,
    seals: key.seals,
    uses: key.uses,
    uses_by_table: key.usesByTable,
  };
}
