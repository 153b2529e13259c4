/**
 * Functions over HTTP: calling them, listing them, and what they printed.
 *
 * @module
 */
import { Hono } from "hono";
import { AppError } from "../errors.ts";
import { errorFields, type Log } from "../log.ts";
import { can, type Principal } from "../principal/principal.ts";
import { type Namespace, parseNamespace } from "../resolve/ref.ts";
import { type Auth, principalOf } from "./auth.ts";
import type { AppContext, AppEnv } from "./env.ts";
import { mountMethods } from "./methods.ts";
import { requestIdOf } from "./request_id.ts";

/** Runs a function; the runner. */
export interface FunctionRunner {
  invoke(request: Request, target: {
    readonly name: string;
    readonly namespace: Namespace | null;
    readonly principal: string | null;
    readonly requestId: string;
  }): Promise<Response>;
}

/** Knows which functions there are. */
export interface FunctionCatalogue {
  list(): Promise<{
    readonly functions: readonly { readonly name: string; readonly namespace: string | null }[];
  }>;
}

/** An execution, as it is stored. */
export type StoredExecution = Readonly<Record<string, unknown>>;

/** Finds executions of a function. */
export interface ExecutionReader {
  executions(name: string, namespace: string | null, limit: number): Promise<StoredExecution[]>;
}

/** What the routes work with. */
export interface FunctionRouteParts {
  readonly auth: Auth;
  readonly runner: FunctionRunner;
  readonly catalogue: FunctionCatalogue;
  readonly executions: ExecutionReader;
  readonly log: Log;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const DEFAULT_EXECUTIONS = 50;
const MOST_EXECUTIONS = 100;

/** Serves `/api/v1/functions`. */
export function functionRoutes(parts: FunctionRouteParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.all("/:name/invoke", (c) => invoke(c, parts));
  mountMethods(app, "/", { GET: (c) => list(c, parts) });
  mountMethods(app, "/:name/executions", { GET: (c) => executions(c, parts) });
  return app;
}

async function invoke(c: AppContext, { auth, runner, log }: FunctionRouteParts): Promise<Response> {
  const request = c.req.raw;
  const found = principalOf(c, auth);
  const principal = found instanceof Promise ? await found : found;
  const target = targetOf(c, principal);
  const requestId = requestIdOf(c);
  try {
    return await runner.invoke(request, { ...target, principal: principal.id, requestId });
  } catch (error) {
    if (error instanceof AppError && error.cause !== undefined) {
      log.warn("function call failed", { request_id: requestId, ...errorFields(error.cause) });
    }
    throw error;
  }
}

/** A caller learns nothing of functions that it may not call: they are not found. */
function targetOf(c: AppContext, principal: Principal) {
  const name = c.req.param("name") ?? "";
  const namespace = namespaceOf(c);
  if (!NAME.test(name) || !can(principal, "functions:invoke", { namespace, name })) {
    throw new AppError("FUNCTION_NOT_FOUND", "Function not found");
  }
  return { name, namespace };
}

function namespaceOf(c: AppContext): Namespace | null {
  // Most calls have no query, and then nothing is parsed.
  if (!c.req.raw.url.includes("?")) return null;
  const text = c.req.query("namespace");
  return text === undefined || text === "" ? null : parseNamespace(text);
}

async function list(c: AppContext, { auth, catalogue }: FunctionRouteParts): Promise<Response> {
  const principal = await principalOf(c, auth);
  const { functions } = await catalogue.list();
  const visible = functions.filter(({ name, namespace }) =>
    can(principal, "functions:invoke", { name, namespace: namespace as Namespace | null })
  );
  return c.json(visible.map(({ name, namespace }) => ({ name, namespace })));
}

async function executions(c: AppContext, parts: FunctionRouteParts): Promise<Response> {
  const principal = await principalOf(c, parts.auth);
  const { name, namespace } = targetOf(c, principal);
  if (!can(principal, "logs:read", { name, namespace })) {
    throw new AppError("ACCESS_DENIED", "Insufficient permissions: logs:read is not granted");
  }
  const limit = Number(c.req.query("limit") ?? DEFAULT_EXECUTIONS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_EXECUTIONS) {
    throw new AppError("INVALID_INPUT", `limit must be 1 to ${MOST_EXECUTIONS}`);
  }
  return c.json(await parts.executions.executions(name, namespace, limit));
}
