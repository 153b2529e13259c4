/**
 * Calling a function: who may, and the way to the runner with as few hops as can be.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { errorFields, type Log } from "../log.ts";
import { can, type Principal } from "../principal/principal.ts";
import { type Namespace, parseNamespace } from "../resolve/ref.ts";
import type { UserId } from "../resolve/setting_ref.ts";
import { type Auth, credentialOf, principalOf } from "./auth.ts";
import type { CallContext } from "./env.ts";
import { requestIdOf } from "./request_id.ts";
import { userOfCall } from "./user.ts";

/** Runs a function; the runner. */
export interface FunctionRunner {
  invoke(request: Request, target: {
    readonly name: string;
    readonly namespace: Namespace | null;
    readonly principal: string | null;
    readonly requestId: string;
    /** Whose settings the function may read. */
    readonly userId: UserId | undefined;
  }): Promise<Response>;
}

/** Knows which functions are open to everybody. */
export interface FunctionAccess {
  isAnonymous(name: string, namespace: Namespace | null): Promise<boolean>;
}

/** What calls work with. */
export interface InvokeParts {
  readonly auth: Auth;
  readonly runner: FunctionRunner;
  readonly access: FunctionAccess;
  readonly log: Log;
}

/** A function's name and namespace, as a request gives them. */
export interface FunctionPlace {
  readonly name: string;
  readonly namespace: Namespace | null;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Calls the function of the path. */
export async function invoke(c: CallContext, parts: InvokeParts): Promise<Response> {
  const { runner, log } = parts;
  const place = functionPlace(c);
  const found = whoCalls(c, place, parts);
  const principal = found instanceof Promise ? await found : found;
  const requestId = requestIdOf(c);
  try {
    const userId = userOfCall(c, principal);
    const target = { ...place, principal: principal?.id ?? null, requestId, userId };
    return await runner.invoke(c.req.raw, target);
  } catch (error) {
    if (error instanceof AppError && error.cause !== undefined) {
      log.warn("function call failed", { request_id: requestId, ...errorFields(error.cause) });
    }
    throw error;
  }
}

/**
 * The function that a request is about.
 *
 * @throws {AppError} INVALID_INPUT for a malformed namespace.
 */
export function functionPlace(c: CallContext): FunctionPlace {
  return { name: c.req.param("name") ?? "", namespace: namespaceOf(c) };
}

/** Whether the principal's grants cover calling the function. */
export function mayInvoke(principal: Principal, place: FunctionPlace): boolean {
  return NAME.test(place.name) && can(principal, "functions:invoke", place);
}

/**
 * A caller learns nothing of functions that it may not call: they are not found.
 *
 * @param cause What the record of the attempt says.
 */
export function functionNotFound(cause?: AppError): AppError {
  return new AppError("FUNCTION_NOT_FOUND", "Function not found", { cause });
}

/**
 * Who calls; `null` for nobody in particular, where the function is open to everybody. Answers at
 * once, without a promise, when the key was seen lately.
 */
function whoCalls(
  c: CallContext,
  place: FunctionPlace,
  parts: InvokeParts,
): Principal | Promise<Principal | null> {
  const credential = credentialOf(c.req.raw.headers);
  if (!mayBeOurs(credential)) return nobody(c, credential, place, parts);
  const found = principalOf(c, parts.auth, credential);
  if (!(found instanceof Promise)) {
    return mayInvoke(found, place) ? found : admit(c, found, place, parts);
  }
  return found.then(
    (principal) => admit(c, principal, place, parts),
    (error) => overlook(error, credential, place, parts),
  );
}

/** A service key, or in the form of a token; whatever else is there is the function's own matter. */
function mayBeOurs(credential: string | null | undefined): credential is string {
  return credential != null &&
    (credential.startsWith("fxsk_") || credential.split(".").length === 3);
}

async function nobody(
  c: CallContext,
  credential: string | null | undefined,
  place: FunctionPlace,
  { access, auth }: InvokeParts,
): Promise<Principal | null> {
  if (await access.isAnonymous(place.name, place.namespace)) return null;
  return await principalOf(c, auth, credential);
}

async function admit(
  c: CallContext,
  principal: Principal,
  place: FunctionPlace,
  { access }: InvokeParts,
): Promise<Principal> {
  const open = mayInvoke(principal, place) || await access.isAnonymous(place.name, place.namespace);
  if (open) return principal;
  // Whoever is turned away is on record.
  c.set("principal", principal);
  throw functionNotFound(
    new AppError("ACCESS_DENIED", "Insufficient permissions: functions:invoke is not granted here"),
  );
}

/** A service key that is shown must be good; another issuer's token is not for this server. */
async function overlook(
  error: unknown,
  credential: string,
  place: FunctionPlace,
  { access }: InvokeParts,
): Promise<null> {
  const isKey = credential.startsWith("fxsk_");
  const refused = error instanceof AppError && error.code === "AUTHENTICATION_REQUIRED";
  const open = !isKey && refused && await access.isAnonymous(place.name, place.namespace);
  if (!open) throw error;
  return null;
}

function namespaceOf(c: CallContext): Namespace | null {
  // Most calls have no query, and then nothing is parsed.
  if (!c.req.raw.url.includes("?")) return null;
  const text = c.req.query("namespace");
  return text === undefined || text === "" ? null : parseNamespace(text);
}
