/**
 * Deploying, rolling back and looking at deployed code: `/api/v1/admin/functions` and, of the same
 * handlers, `/api/v1/admin/jobs`.
 *
 * @module
 */
import { type Handler, Hono } from "hono";
import * as z from "zod";
import type { CodePlace } from "../deploy/access.ts";
import type { Listed } from "../deploy/catalogue.ts";
import type { Deployer } from "../deploy/deployer.ts";
import type { DeploymentReader } from "../deploy/reader.ts";
import { AppError } from "../errors.ts";
import { can } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import type { FunctionSettings } from "../runtime/code/settings.ts";
import type { CodeKind } from "../store/deployment_rows.ts";
import { readJson } from "./body.ts";
import { filesOf, MAX_DEPLOY_BYTES, namespaceIn, syncBody } from "./code_body.ts";
import {
  codeVersionJson,
  deployedJson,
  deployResultJson,
  directoryJson,
  listedJson,
} from "./code_json.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { queryOnce } from "./secret_locator.ts";

/** What the routes of one kind work with. */
export interface CodeRouteParts {
  readonly kind: CodeKind;
  readonly deployer: Deployer;
  readonly reader: DeploymentReader;
  readonly catalogue: { list(): Promise<{ readonly functions: readonly Listed[] }> };
  /** The working directory. */
  readonly directory: {
    get(
      name: string,
      namespace: Namespace | null,
    ): Promise<{ readonly hash: string; readonly settings: FunctionSettings }>;
  };
}

type Handle = Handler<AppEnv>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const versionBody = z.object({ version: z.number({ error: "must be a whole number from 1" }) });

/** Serves the deployed code of one kind. */
export function codeRoutes(parts: CodeRouteParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  mountMethods(app, "/", { GET: list(parts) });
  mountMethods(app, "/sync", { POST: sync(parts) });
  mountMethods(app, "/:name", { GET: find(parts), DELETE: remove(parts) });
  mountMethods(app, "/:name/versions", { GET: versions(parts) });
  mountMethods(app, "/:name/rollback", { POST: rollback(parts) });
  return app;
}

/**
 * The place that a request is about: its path's name and its query's namespace.
 *
 * @throws {AppError} FUNCTION_NOT_FOUND for a name that nothing can have.
 */
export function placeOf(c: AppContext, kind: CodeKind): CodePlace {
  const name = c.req.param("name") ?? "";
  if (!NAME.test(name)) {
    throw new AppError("FUNCTION_NOT_FOUND", `There is no deployed ${kind} of this name`);
  }
  return { name, namespace: namespaceIn(queryOnce(c, "namespace")) };
}

/** Answers with one deployment, or with the file that nothing deployed takes the place of. */
export function find({ kind, reader, directory }: CodeRouteParts): Handle {
  return async function findCode(c) {
    const principal = c.get("principal");
    const place = placeOf(c, kind);
    try {
      const found = deployedJson(await reader.find(principal, place));
      if (queryOnce(c, "code") !== "true") return c.json(found);
      return c.json({ ...found, code: await reader.code(principal, place) });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "FUNCTION_NOT_FOUND") throw error;
    }
    return c.json(directoryJson(place, await directory.get(place.name, place.namespace)));
  };
}

/** Deletes a deployment. */
export function remove({ kind, deployer }: CodeRouteParts): Handle {
  return async function deleteCode(c) {
    await deployer.delete(c.get("principal"), placeOf(c, kind));
    return c.json({ message: `${kind === "function" ? "Function" : "Job"} deleted successfully` });
  };
}

function list({ kind, catalogue }: CodeRouteParts): Handle {
  return async function listCode(c) {
    const principal = c.get("principal");
    const { functions } = await catalogue.list();
    const visible = functions.filter(({ name, namespace }) =>
      can(principal, `${kind}s:read`, { name, namespace: namespace as Namespace | null })
    );
    return c.json(visible.map(listedJson));
  };
}

function sync({ kind, deployer }: CodeRouteParts): Handle {
  return async function syncCode(c) {
    const body = await readJson(c, syncBody, { limit: MAX_DEPLOY_BYTES });
    const namespace = namespaceIn(body.namespace);
    const dryRun = body.options?.dry_run ?? false;
    const result = await deployer.deploy(c.get("principal"), {
      files: filesOf(body, kind),
      namespace,
      ...(body.names && { names: body.names }),
      dryRun,
      prune: body.options?.delete_missing ?? false,
    });
    return c.json(deployResultJson(result, { namespace, dryRun }));
  };
}

function versions({ kind, reader }: CodeRouteParts): Handle {
  return async (c) => {
    const found = await reader.versions(c.get("principal"), placeOf(c, kind));
    return c.json(found.map(codeVersionJson));
  };
}

function rollback({ kind, deployer }: CodeRouteParts): Handle {
  return async function rollbackCode(c) {
    const { version } = await readJson(c, versionBody);
    if (!Number.isInteger(version) || version < 1 || version > 2_147_483_647) {
      throw new AppError("INVALID_INPUT", "Invalid version number");
    }
    const now = await deployer.rollback(c.get("principal"), placeOf(c, kind), version);
    return c.json(deployedJson(now));
  };
}
