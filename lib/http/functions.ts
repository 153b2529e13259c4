/**
 * Functions over HTTP: calling them, listing them, creating and changing them one by one, and what
 * they printed.
 *
 * @module
 */
import { Hono } from "hono";
import { AppError } from "../errors.ts";
import { can } from "../principal/principal.ts";
import type { Namespace } from "../resolve/ref.ts";
import { credentialOf, principalOf, requireKey } from "./auth.ts";
import { readJson } from "./body.ts";
import { type CodeRouteParts, find, placeOf, remove } from "./code.ts";
import { createBody, namedFiles, settingsChange, updateBody } from "./code_body.ts";
import { deployedJson, listedJson } from "./code_json.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { functionNotFound, functionPlace, invoke, type InvokeParts, mayInvoke } from "./invoke.ts";
import { mountMethods } from "./methods.ts";
import { requestLog } from "./request_log.ts";
import { securityHeaders } from "./security_headers.ts";

/** An execution, as it is stored. */
export type StoredExecution = Readonly<Record<string, unknown>>;

/** Finds executions of a function. */
export interface ExecutionReader {
  executions(name: string, namespace: string | null, limit: number): Promise<StoredExecution[]>;
}

/** What the routes work with. */
export interface FunctionRouteParts extends InvokeParts {
  readonly code: CodeRouteParts;
  readonly executions: ExecutionReader;
}

const DEFAULT_EXECUTIONS = 50;
const MOST_EXECUTIONS = 100;

/** Serves `/api/v1/functions`. */
export function functionRoutes(parts: FunctionRouteParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.all("/:name/invoke", (c) => invoke(c, parts));
  // Not around the calls: those have as few hops as can be.
  for (const path of ["/", "/:name"]) {
    app.use(path, requestLog(parts.log), securityHeaders(), requireKey(parts.auth));
  }
  mountMethods(app, "/", { GET: (c) => list(c, parts), POST: (c) => create(c, parts.code) });
  mountMethods(app, "/:name", {
    GET: find(parts.code),
    PUT: (c) => update(c, parts.code),
    DELETE: remove(parts.code),
  });
  mountMethods(app, "/:name/executions", { GET: (c) => executions(c, parts) });
  return app;
}

async function list(c: AppContext, { code }: FunctionRouteParts): Promise<Response> {
  const principal = c.get("principal");
  const { functions } = await code.catalogue.list();
  const visible = functions.filter(({ name, namespace }) => {
    const place = { name, namespace: namespace as Namespace | null };
    return can(principal, "functions:invoke", place) || can(principal, "functions:read", place);
  });
  return c.json(visible.map(listedJson));
}

/** Deploys one new function; it has no namespace. */
async function create(
  c: AppContext,
  { deployer, reader, kind }: CodeRouteParts,
): Promise<Response> {
  const body = await readJson(c, createBody);
  const principal = c.get("principal");
  const { created } = await deployer.deploy(principal, {
    files: namedFiles([body], kind),
    namespace: null,
    onlyNew: true,
  });
  const place = { name: created[0] ?? body.name, namespace: null };
  return c.json(deployedJson(await reader.find(principal, place)), 201);
}

/** Deploys new code of a function that is deployed, or changes its settings alone. */
async function update(
  c: AppContext,
  { deployer, reader, kind }: CodeRouteParts,
): Promise<Response> {
  const principal = c.get("principal");
  const place = placeOf(c, kind);
  const { code, ...fields } = await readJson(c, updateBody);
  const change = settingsChange(fields);
  if (code == null) return c.json(deployedJson(await deployer.configure(principal, place, change)));
  const { settings } = await reader.find(principal, place);
  await deployer.deploy(principal, {
    files: namedFiles([{ name: place.name, code }], kind),
    namespace: place.namespace,
    settings: () => change(settings),
  });
  return c.json(deployedJson(await reader.find(principal, place)));
}

async function executions(c: AppContext, parts: FunctionRouteParts): Promise<Response> {
  const principal = await principalOf(c, parts.auth, credentialOf(c.req.raw.headers));
  const place = functionPlace(c);
  if (!mayInvoke(principal, place)) throw functionNotFound();
  if (!can(principal, "logs:read", place)) {
    throw new AppError("ACCESS_DENIED", "Insufficient permissions: logs:read is not granted");
  }
  const limit = Number(c.req.query("limit") ?? DEFAULT_EXECUTIONS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_EXECUTIONS) {
    throw new AppError("INVALID_INPUT", `limit must be 1 to ${MOST_EXECUTIONS}`);
  }
  return c.json(await parts.executions.executions(place.name, place.namespace, limit));
}
